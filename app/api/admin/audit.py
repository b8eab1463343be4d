"""The audit log: a line for every request to an admin route, and for every other one that the operator's token opened.

Who (the token's fingerprint), what (the action and what it is done to), how it ended, and the request's id, which the
log's context adds. Refused ones are in it as well.
"""

from __future__ import annotations

from typing import Any

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.auth import ADMIN
from app.errors import PasticheError

ADMIN_PATH = "/v1/admin/"
# Of what a client sends, at most so much comes into a line.
TARGET_CHARACTERS = 200
REFUSED = 400

_log = structlog.get_logger("pastiche.audit")


def note(request: Request, **facts: Any) -> None:
    """What the line should say of this request beyond its route, such as the id of what it made."""
    request.scope["state"].setdefault("audit", {}).update(facts)


class Audit:
    """ASGI middleware, inside RequestId. Around applications that have admin routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            if of_operator(scope):
                _log.info("admin_action", **line(scope, status))


def of_operator(scope: Scope) -> bool:
    """Whether it was meant for an admin route, or opened by the operator's token."""
    path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
    return path.startswith(ADMIN_PATH) or scope["state"].get("principal") == ADMIN


def line(scope: Scope, status: int) -> dict[str, Any]:
    """Members of the log line. A status of 0: the request ended without an answer."""
    state = scope["state"]
    problem: PasticheError | None = state.get("problem")
    return {
        "who": state.get("fingerprint"),
        "client": scope["client"][0] if scope.get("client") else None,
        "action": action(scope),
        "target": target(scope),
        "outcome": "unanswered" if not status else "refused" if status >= REFUSED else "done",
        "status": status,
        "problem": problem.slug if problem else None,
        **state.get("audit", {}),
    }


def action(scope: Scope) -> str:
    """Method and route, such as `DELETE /v1/admin/styles/{style_id}`."""
    return f"{scope['method']} {getattr(scope.get('route'), 'path', 'unmatched')}"


def target(scope: Scope) -> str:
    return str(scope["path"])[:TARGET_CHARACTERS]
