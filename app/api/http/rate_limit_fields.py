"""The RateLimit header fields of responses to requests that were counted."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.rate_limit import Usage

STATE = "rate_limit_usage"


def note(request: Request, usage: Usage | None) -> None:
    """Tell the client in the response, whatever becomes of the request. Raises TooManyRequests."""
    if usage is not None:
        setattr(request.state, STATE, usage)
        usage.check()


class RateLimitFields:
    """ASGI middleware around the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_usage(message: Message) -> None:
            usage = scope.get("state", {}).get(STATE)
            if message["type"] == "http.response.start" and usage is not None:
                MutableHeaders(scope=message).update(usage.fields)
            await send(message)

        await self.app(scope, receive, send_with_usage if scope["type"] == "http" else send)
