"""HEAD: what GET would answer, without the body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """ASGI middleware that lets the routes know GET only."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_no_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the server reads the method of its own scope when it counts the answer's bytes.
        as_get = {**scope, "method": "GET"}
        # For the route that would stream for as long as a job runs.
        scope.setdefault("state", {})["head"] = True
        try:
            await self.app(as_get, receive, send_no_body)
        finally:
            scope["route"] = as_get.get("route")
