"""Errors as `application/problem+json` (RFC 9457), whatever they were before."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Scope

from app.api.http.auth import address_of
from app.api.http.content_coding import CODINGS
from app.api.http.rate_limit import RateLimit
from app.api.http.request_id import request_id
from app.api.schemas import Problem
from app.api.stylize.options import invalid_options
from app.errors import (
    DeadlineExceeded,
    MethodNotAllowed,
    NotFound,
    PasticheError,
    RangeNotSatisfiable,
    RequestError,
    TooManyRequests,
    Unauthorized,
    UnsupportedCoding,
    UpgradeRequired,
)
from app.retry_after import seconds_to_wait

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def problem_response(scope: Scope, error: PasticheError) -> Response:
    """The response for `error`; the scope keeps it for the request's log line."""
    scope["state"]["problem"] = error
    body = Problem(
        type=f"{scope.get('root_path', '')}/problems/{error.slug}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=request_id(scope),
    )
    headers = {}
    if (seconds := seconds_to_wait(error)) is not None:
        headers["Retry-After"] = str(seconds)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="pastiche"'
    if isinstance(error, UnsupportedCoding):
        headers["Accept-Encoding"] = ", ".join(CODINGS)
    if isinstance(error, UpgradeRequired):
        headers["Upgrade"] = "websocket"
        headers["Connection"] = "upgrade"
    if isinstance(error, RangeNotSatisfiable) and "size" in error.extra:
        headers["Content-Range"] = f"bytes */{error.extra['size']}"
    if isinstance(error, DeadlineExceeded):
        # The body may still be trickling in; the server waits no longer for it.
        headers["Connection"] = "close"
    members = body.model_dump()
    # Again at the end: `extra` may add to the standard members, not replace them.
    return JSONResponse(members | error.extra | members, error.status, headers, MEDIA_TYPE)


def answer_errors_as_problems(app: FastAPI, unauthorized: RateLimit) -> None:
    """Handle every error that the framework or a route raises; the request log catches the unexpected ones.

    Args:
        unauthorized: of requests without a right key, by address.
    """

    async def ours(request: Request, error: Any) -> Response:
        if isinstance(error, Unauthorized):
            error = counted(request, error, unauthorized)
        return problem_response(request.scope, error)

    async def validation(request: Request, error: Any) -> Response:
        return problem_response(request.scope, invalid_options(error.errors()))

    app.exception_handler(PasticheError)(ours)
    app.exception_handler(RequestValidationError)(validation)
    app.exception_handler(HTTPException)(framework_error)


def counted(request: HTTPConnection, error: Unauthorized, unauthorized: RateLimit) -> PasticheError:
    """The error itself, until its address has reached the limit. A right key still opens the routes."""
    try:
        unauthorized.hit(address_of(request))
    except TooManyRequests as limit:
        return TooManyRequests(
            "Too many requests without a valid key came from this address. Try again later, or with a key.",
            retry_after_seconds=limit.retry_after_seconds,
        )
    return error


async def framework_error(request: Request, error: Any) -> Response:
    """The router's own: no such route, or not with this method; OPTIONS gets the list of methods."""
    if error.status_code == MethodNotAllowed.status:
        return wrong_method(request, methods_of(request))
    if error.status_code == NotFound.status:
        return problem_response(request.scope, NotFound("There is no such route."))
    kind = RequestError if error.status_code < PasticheError.status else PasticheError
    return problem_response(request.scope, kind(private=repr(error)))


def methods_of(request: Request) -> set[str]:
    """The methods of all routes with this path: the router names those of the first one only."""
    return {
        method
        for method in METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }


def wrong_method(request: Request, methods: set[str]) -> Response:
    allowed = sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
    if request.method == "OPTIONS":
        response = Response(status_code=204)
    else:
        response = problem_response(request.scope, MethodNotAllowed(f"This route allows {', '.join(allowed)}."))
    response.headers["Allow"] = ", ".join(allowed)
    return response
