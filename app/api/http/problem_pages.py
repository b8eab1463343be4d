"""The pages that the `type` of a problem leads to: one short page for each kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.errors import NotFound, PasticheError, RequestError, ServiceError

router = APIRouter(include_in_schema=False)

# Code in a description, in backquotes.
CODE = re.compile("`([^`]+)`")
CACHE = {"Cache-Control": "public, max-age=3600"}


def kinds(error: type[PasticheError] = PasticheError) -> Iterator[type[PasticheError]]:
    """The class and all its subclasses that belong to the service itself."""
    if error.__module__ == PasticheError.__module__:
        yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


@router.get("/problems")
async def index(request: Request) -> Response:
    rows = "".join(
        f'<li><a href="{root(request)}/problems/{kind.slug}">{kind.slug}</a> ({kind.status}): {escape(kind.title)}</li>'
        for kind in sorted(kinds(), key=lambda kind: (kind.status, kind.slug))
    )
    return page("Problems", f"<p>Errors are problems (RFC 9457) of these kinds.</p><ul>{rows}</ul>")


@router.get("/problems/{slug}")
async def problem(request: Request, slug: str) -> Response:
    found = next((kind for kind in kinds() if kind.slug == slug), None)
    if found is None:
        raise NotFound("There is no such kind of problem. `/problems` lists them.")
    return page(
        found.title,
        f"<p>{marked_up(meaning(found))}</p>"
        f"<p>{escape(advice(found))}</p>"
        f"<p>Status {found.status}, type <code>{root(request)}/problems/{found.slug}</code>. The response's own "
        "<code>detail</code> says what it was this time, and its <code>instance</code> is the request's id in the log."
        f'</p><p><a href="{root(request)}/problems">All kinds of problems</a></p>',
    )


def root(request: Request) -> str:
    return escape(str(request.scope.get("root_path", "")))


def meaning(kind: type[PasticheError]) -> str:
    """The description of a kind of problem: the docstring of its class."""
    if kind is PasticheError:
        return "Something unexpected happened in the service. The log has it, under the request's id."
    return " ".join((kind.__doc__ or kind.title).split())


def marked_up(text: str) -> str:
    """As HTML, with code as such."""
    return CODE.sub(r"<code>\1</code>", escape(text))


def advice(kind: type[PasticheError]) -> str:
    """What to do about it, the same for most kinds."""
    if kind.status in (408, 429, 503, 504):
        return "Send the request again later: after the seconds in Retry-After, where the response has that header."
    if issubclass(kind, ServiceError) or not issubclass(kind, RequestError):
        return "The same request may succeed later. If it does not, tell whoever runs the service the instance."
    return "Change the request as the detail says: sent again unchanged, it will fail again."


def page(title: str, content: str) -> Response:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"></head>'
        f"<body><h1>{escape(title)}</h1>{content}</body></html>",
        headers=CACHE,
    )
