"""JSON bodies of the admin routes: one small object, strict JSON, each member once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request

from app.api.http.body import Body
from app.api.service import service_of
from app.api.stylize.options import invalid_options
from app.errors import EmptyBody, InvalidOption, MalformedBody
from app.serving.catalogue import quoted

MEDIA_TYPE = "application/json"
JSON_BYTES = 65_536

Options = TypeVar("Options", bound=BaseModel)


async def receive_json(request: Request, kind: TypeAdapter[Options]) -> Options:
    """The body, checked against a schema.

    Raises:
        EmptyBody, MalformedBody, BodyTooLarge: it is not a JSON object.
        InvalidOption: the object does not match the schema.
        Overloaded, ClientGone: as reading any body.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise MalformedBody(f"Send JSON, as `Content-Type: {MEDIA_TYPE}`.")
    body = Body(request, JSON_BYTES, service_of(request).uploads)
    try:
        data = await body.read()
    finally:
        body.drop()
    check_json(data)
    try:
        # Strict: quoted numbers are rejected.
        return kind.validate_json(data, strict=True)
    except ValidationError as error:
        raise invalid_options([{**found, "loc": member_of(found["loc"])} for found in error.errors()]) from None


def check_json(data: bytes) -> None:
    """Raises EmptyBody, MalformedBody, InvalidOption."""
    if not data.strip():
        raise EmptyBody("The body is empty: send a JSON object.")
    try:
        found = json.loads(data.decode(), object_pairs_hook=each_once, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise MalformedBody("The body is not valid JSON.", private=repr(error)) from None
    if not isinstance(found, dict):
        raise MalformedBody("The body must be a JSON object.")


def each_once(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        raise InvalidOption(f"{quoted(next(name for name in names if names.count(name) > 1))} is given twice.")
    return found


def no_number(name: str) -> NoReturn:
    raise InvalidOption(f"{name} is not a JSON number.")


def member_of(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The member with the error, without the tag of a union before it."""
    named = [part for part in path if isinstance(part, str)]
    return tuple(named[1:2] if path and path[0] in ("add", "full") else named[:1])
