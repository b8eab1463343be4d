"""uvicorn's server, with limits on its connections, workers beside it, and a graceful shutdown."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable

import structlog
import uvicorn

from app.api.service import Service
from app.jobs.supervisor import Supervisor
from app.server.config import ServerConfig

WATCH_SECONDS = 0.25
TICK_SECONDS = 0.1
# A response with this header is the last one on its connection, and the client sends its next request elsewhere.
LAST_ANSWER = (b"connection", b"close")

_log = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """Shuts down in steps: readiness fails, requests are accepted for a while, those in flight are answered.

    Event streams and live sessions are ended before it waits for the requests in flight, since they would never end
    themselves.

    Args:
        once_warm: called between two requests, when the models are warmed up.
    """

    config: ServerConfig

    def __init__(
        self,
        config: ServerConfig,
        service: Service,
        workers: Supervisor,
        once_warm: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._once_warm = once_warm
        self._service = service
        self._workers = workers

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._workers.start()
            self._warming = asyncio.create_task(self._call_once_warm())
            self._watching = asyncio.create_task(self._watch())

    async def _call_once_warm(self) -> None:
        await self._service.warmed()
        self._once_warm()

    async def _watch(self) -> None:
        """Close connections that take too long, until none is left."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                self.config.crowd.look(self.server_state.connections)  # type: ignore[arg-type]
            except Exception:  # noqa: BLE001 - without this loop, no time limit would hold
                _log.exception("watch_interrupted")

    async def main_loop(self) -> None:
        await super().main_loop()
        self._service.draining = True
        signals = len(self._captured_signals)
        if signals and self._captured_signals[-1] == signal.SIGTERM:
            await self._drain(signals)

    async def _drain(self, signals: int) -> None:
        """Accept requests until load balancers have noticed the shutdown, or until another signal."""
        _log.info("draining", seconds=self.config.drain_seconds)
        self.server_state.default_headers = [*self.server_state.default_headers, LAST_ANSWER]
        end = time.monotonic() + self.config.drain_seconds
        while time.monotonic() < end and len(self._captured_signals) == signals:  # noqa: ASYNC110 - set by a signal
            await asyncio.sleep(TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.jobs.event_hub.close()
        self._service.live.close()
        # Not after `run`, at whose end uvicorn raises the signal again, which ends the process.
        await asyncio.gather(super().shutdown(sockets), asyncio.to_thread(self._workers.stop))
        self._watching.cancel()
