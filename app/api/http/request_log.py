"""One log line and one count for every request, and a response for unexpected errors."""

from __future__ import annotations

import time
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.disconnect import ClientGone
from app.api.http.problems import problem_response
from app.api.metrics import Metrics
from app.errors import PasticheError

# nginx's word for "the client closed the connection first".
CLIENT_GONE = 499
FAILED = 500
# Probes and scrapes come every few seconds.
QUIET = frozenset({"/healthz/live", "/healthz/ready", "/metrics"})
PATH_LENGTH = 200

_log = structlog.get_logger(__name__)


class RequestLog:
    """ASGI middleware, inside RequestId."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self.app(scope, receive, send_and_note)
            except ClientGone:
                status = CLIENT_GONE
            except Exception as error:
                _log.error("unexpected_error", exc_info=error)
                if status:  # half an answer cannot be taken back; the server closes the connection
                    raise
                await problem_response(scope, PasticheError())(scope, receive, send_and_note)
            finally:
                # No status: the server cancelled the request while it shut down.
                self._note(scope, status or CLIENT_GONE, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        problem: PasticheError | None = scope["state"].get("problem")
        self._metrics.count_request(scope["method"], route, status, seconds)
        if problem is not None:
            self._metrics.count_problem(problem)
        line: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"][:PATH_LENGTH],
            "status": status,
            "seconds": round(seconds, 4),
            "client": scope["client"][0] if scope.get("client") else None,
        }
        if problem is not None:
            line |= {"problem": problem.slug, "detail": problem.detail, "private": problem.private}
        write = _log.debug if route in QUIET else _log.warning if status >= FAILED else _log.info
        write("request", **line)
