"""The id of a request: taken from `X-Request-ID` or generated; in every log line and every response."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import tracing

HEADER = "X-Request-ID"
# What proxies make: UUIDs, hex, base64url, trace ids. Anything else could forge log lines or headers.
SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)


def request_id(scope: Mapping[str, Any]) -> str:
    """The id of the request that the scope belongs to."""
    return str(scope["state"]["request_id"])


# What has headers.
ANSWERS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class RequestId:
    """ASGI middleware: keeps the id in the scope and in the log's context, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        name = given if SANE.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = name
        # Cleared first: a keep-alive connection may hand its context to the next request.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=name)
        if (trace := tracing.trace_id()) is not None:
            structlog.contextvars.bind_contextvars(trace_id=trace)

        async def send_named(message: Message) -> None:
            if message["type"] in ANSWERS:
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        await self.app(scope, receive, send_named)
