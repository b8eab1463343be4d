"""The pages of the documentation that are made from the code: `make docs` writes them, a test compares them.

usage: python docs/reference.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.errors import PasticheError, RequestError, ServiceError
from app.settings import GROUPS
from app.settings.environment import variable

DOCS = Path(__file__).parent
MADE = "<!-- Made from the code by `make docs`: change {source} instead. -->"
# Defaults that depend on the machine or on where the project lies.
IN_WORDS = {
    "models_dir": "`models` beside `app`",
    "engine_threads": "usable cores",
    "codec_threads": "half of the usable cores",
    "worker_threads": "usable cores",
    "training_threads": "usable cores",
    "decode_megabytes": "512, less with little memory",
    "uploads_megabytes": "256, less with little memory",
    "unsent_megabytes": "256, less with little memory",
    "job_memory_megabytes": "2400, less with less than 4 GB",
    "queue_megapixels": "64, less with little memory",
    "result_cache_megabytes": "64, less with little memory",
}
SETTINGS = """# Configuration

Every setting is an environment variable, read once at the start. A bad value stops the start (exit code 2) with a
sentence that names the variable. An empty variable means an unset one, spaces and line ends around a value are dropped,
and words such as `INFO` may be in upper case. Unknown `PASTICHE_*` variables are warned about with the nearest name.
Those that Kubernetes sets in a pod beside a Service called `pastiche` (`PASTICHE_PORT=tcp://...`) are passed over. The
options of `pastiche serve` go before the variables.

A secret may lie in a file, as Docker and Kubernetes mount them: `PASTICHE_ADMIN_TOKEN_FILE=/run/secrets/token` in place
of `PASTICHE_ADMIN_TOKEN`.
"""
ERRORS = """# Errors

Errors are `application/problem+json` (RFC 9457): `type` is `/problems/` and the slug below, and never changes; `title`
is the name of the kind, `status` repeats the HTTP status, and `detail` says what is wrong with this request. A job that
failed has the same object as its `error`.
"""


def configuration() -> str:
    """docs/configuration.md."""
    parts = [MADE.format(source="the descriptions in app/settings"), SETTINGS]
    for group in GROUPS:
        title, _, rest = (group.__doc__ or "").strip().partition(".")
        rows = [
            f"| `{variable(name)}` | {default_of(name, field)} | {allowed(field)} | {field.description} |"
            for name, field in group.model_fields.items()
        ]
        parts += [f"## {title}\n", *([f"{rest.strip()}\n"] if rest.strip() else [])]
        parts.append(table("variable", "default", "allowed", "meaning", rows))
    return "\n".join(parts)


def default_of(name: str, field: FieldInfo) -> str:
    if name in IN_WORDS:
        return IN_WORDS[name]
    if field.default is PydanticUndefined:
        raise LookupError(f"{name} has a default of the machine: say it in IN_WORDS")
    match field.default:
        case None | () | "":
            return "none"
        case tuple():
            return f"`{','.join(field.default)}`"
        case _:
            return f"`{field.default}`"


def allowed(field: FieldInfo) -> str:
    """The numbers that may be given; nothing where there is no bound."""
    bounds = {
        bound: getattr(each, bound) for each in field.metadata for bound in ("ge", "gt", "le") if hasattr(each, bound)
    }
    if "gt" in bounds:
        return f"above {bounds['gt']:,}, at most {bounds['le']:,}"
    return f"{bounds['ge']:,} to {bounds['le']:,}" if bounds else ""


def errors() -> str:
    """docs/errors.md."""
    parts = [MADE.format(source="the docstrings in app/errors.py"), ERRORS]
    parts += ["## The request is at fault\n", "Sending it again unchanged will fail again.\n", table_of(RequestError)]
    parts += [
        "## The service is at fault\n",
        "The same request may succeed later.\n",
        table_of(ServiceError, PasticheError),
    ]
    return "\n".join(parts)


def table_of(root: type[PasticheError], *more: type[PasticheError]) -> str:
    found = sorted([*more, *kinds(root)], key=lambda kind: (kind.status, kind.slug))
    rows = [f"| {kind.status} | `{kind.slug}` | {kind.title} | {(kind.__doc__ or '').strip()} |" for kind in found]
    return table("status", "slug", "title", "when", rows)


def kinds(error: type[PasticheError]) -> Iterator[type[PasticheError]]:
    """The error and all kinds of it that the service has; tests may have kinds of their own."""
    if error.__module__ == PasticheError.__module__:
        yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


def table(*columns_and_rows: str | list[str]) -> str:
    *columns, rows = columns_and_rows
    heads = [str(column) for column in columns]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *rows, ""])


PAGES = {"configuration.md": configuration, "errors.md": errors}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
