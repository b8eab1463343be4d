"""uvicorn's WebSocket protocol, with the limits of the other connections."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.server import ServerProtocol

from app.server.crowd import Reason
from app.server.pace import Pace
from app.server.transport import ClientTransport

if TYPE_CHECKING:
    from app.server.config import ServerConfig

# Messages may be so many, and one more for each so many bytes. A message takes the event loop 20 us however small it
# is, and pings are answered without the application: a flood of them would take it from everybody else.
FREE_MESSAGES = 2000
MIN_MESSAGE_BYTES = 200
# Parsed at once, so that the count is looked at often enough.
PARSED_BYTES = 16_384
# The system holds so many unsent bytes for a connection, beside what is on its way. By itself it would hold megabytes:
# with a slow line, a second of pictures that are out of date by the time they arrive.
UNSENT_BYTES = 16_384
# From our close to the client's.
CLOSE_SECONDS = 3.0

_log = structlog.get_logger(__name__)
# uvicorn would log each connection with its query, and websockets what it sends. The session has a line of its own.
_quiet = logging.getLogger(f"{__name__}.quiet")
_quiet.setLevel(logging.WARNING)


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """One connection after its handshake, as `Crowd` sees it, too."""

    config: ServerConfig

    def __init__(
        self,
        config: ServerConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _quiet
        self.conn: CountingConnection = CountingConnection(max_size=config.ws_max_size, logger=_quiet)
        self.close_timeout = CLOSE_SECONDS
        self.unsent = 0
        self._received = 0
        limits = config.crowd.limits
        self._answer_pace = Pace(limits.answer_seconds, limits.bytes_per_second, self.loop.time())

    # Called by asyncio and uvicorn.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, ClientTransport)
        self._out = transport
        # A WebSocket says goodbye itself, and the protocol before it knows nothing of what arrives.
        transport.lingers = lambda: False
        super().connection_made(transport)
        # So that `send` waits for every byte.
        transport.set_write_buffer_limits(high=0)
        with suppress(OSError, AttributeError):  # other systems, and sockets that are not TCP's
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), PARSED_BYTES):
            if self.transport.is_closing():
                return
            part = data[start : start + PARSED_BYTES]
            self._received += len(part)
            super().data_received(part)
            if self.conn.messages > FREE_MESSAGES + self._received / MIN_MESSAGE_BYTES:
                self.cut_off("messages")

    async def send(self, message: Any) -> None:
        """Return when the system has taken the message: what comes next should be the newest then."""
        await super().send(message)
        await self.writable.wait()

    def shutdown(self) -> None:
        """An open session ends itself, with a reason."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()

    # Called by the crowd.

    def look(self, now: float) -> None:
        self.unsent = self._out.unsent
        sent = self._out.written - self.unsent
        if not self.unsent:
            self._answer_pace.rest(now, sent)
        elif self._answer_pace.too_slow(now, sent):
            self.cut_off("answer_unread")

    def cut_off(self, reason: Reason) -> None:
        self.config.crowd.ended[reason] += 1
        _log.info("connection_ended", reason=reason, client=self.client and self.client[0])
        self.transport.abort()

    @property
    def stalled_since(self) -> float:
        return self._answer_pace.moved

    @property
    def behind(self) -> bool:
        return self._answer_pace.behind


class CountingConnection(ServerProtocol):
    """Counts the messages, control frames included."""

    messages = 0

    def events_received(self) -> list[Any]:
        events = super().events_received()
        self.messages += len(events)
        return list(events)
