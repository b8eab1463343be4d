"""uvicorn's HTTP/1.1 with h11, and with limits on the size and rate of requests, and on unread responses."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Any

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from app.errors import Overloaded, PasticheError, RequestTimeout
from app.server.connection import BoundedConnection
from app.server.crowd import MAX_REFUSED, Reason
from app.server.pace import Pace
from app.server.refusal import refusal
from app.server.transport import ClientTransport

if TYPE_CHECKING:
    from app.server.config import ServerConfig

# Seconds without bytes after which a lingering connection is closed, once its response is sent.
LINGER_SILENCE_SECONDS = 5
FULL_RETRY_SECONDS = 5

_log = structlog.get_logger(__name__)


class BoundedProtocol(H11Protocol):
    """One connection of a client.

    It waits for the headers of a request, then for its body. It discards what arrives of a body after the response, and
    if it should close then, it `lingers`: nothing more is sent, but incoming bytes are read for a while.
    """

    config: ServerConfig
    conn: BoundedConnection

    def __init__(
        self,
        config: ServerConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.crowd = config.crowd
        self.limits = config.crowd.limits
        self.conn = BoundedConnection(self.limits)
        self.unsent = 0
        self._received = 0
        self._heard = 0.0  # when bytes last arrived
        self._lingering = False
        # Deadline for the headers; None between two requests.
        self._head_due: float | None = None
        # Deadline, and total of bytes, up to which bytes after a response are discarded.
        self._discard_due = 0.0
        self._discard_most = 0
        self._body_pace = Pace(self.limits.body_seconds, self.limits.bytes_per_second, self.loop.time())
        self._answer_pace = Pace(self.limits.answer_seconds, self.limits.bytes_per_second, self.loop.time())

    # Called by asyncio and uvicorn.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        count = len(self.connections)
        if count >= self.limits.connections + MAX_REFUSED:
            self.crowd.ended["connections"] += 1
            transport.abort()
            return
        self._out = ClientTransport(transport, self._lingers)
        super().connection_made(self._out)  # type: ignore[arg-type]
        self.client = unmapped(self.client)
        self._heard = self.loop.time()
        self._head_due = self._heard + self.limits.header_seconds
        if not self.crowd.admits(count):
            problem = Overloaded("Too many connections are open.", retry_after_seconds=FULL_RETRY_SECONDS)
            self._refuse("connections", problem)
            self.crowd.works(self)  # so that it makes no room for another one
        else:
            self.crowd.waits(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.works(self)
        if self.transport is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        self._received += len(data)
        if self._discards() and self._discarded_enough(self._heard):
            self.cut_off("body_endless")
        if self._lingering or self.transport.is_closing():
            return
        before = self.conn.their_state
        if before is h11.IDLE and self._head_due is None:
            self._head_due = self._heard + self.limits.header_seconds
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self.conn.their_state is not h11.IDLE:
            self._head_due = None
            self.crowd.works(self)
        elif before is h11.SEND_BODY:
            self._between_requests()  # the discarded body is complete

    def on_response_complete(self) -> None:
        if self.conn.their_state is h11.SEND_BODY:
            self._discard()
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._between_requests()

    def _between_requests(self) -> None:
        self._head_due = None
        self.crowd.waits(self)
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def send_400_response(self, msg: str) -> None:
        """uvicorn's hook for requests that h11 or our limits refuse."""
        assert self.conn.error is not None
        self._refuse("headers", self.conn.error)

    def shutdown(self) -> None:
        if self._lingering:
            self.transport.abort()
        else:
            self._head_due = None
            super().shutdown()

    def _should_upgrade_to_ws(self) -> bool:
        return self.scope["method"] == "GET" and self.scope["path"] in self.config.websocket_paths

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._head_due = None
        self.crowd.works(self)
        super().handle_websocket_upgrade(event)

    def _unsupported_upgrade_warning(self) -> None:
        """Ignore offers of HTTP/2, which some clients send with every request (RFC 9110, section 7.8)."""

    # Called by the crowd.

    def look(self, now: float) -> None:
        self._look_at_answer(now)
        receiving = self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused
        if not receiving or self._lingering or self.conn.they_are_waiting_for_100_continue:
            self._body_pace.rest(now, self._received)
        if self._discards():
            if self._discarded_enough(now):
                self.cut_off("body_endless")
            elif self._lingering and now >= self._heard + LINGER_SILENCE_SECONDS and not self.unsent:
                self.transport.abort()
        elif self._head_due is not None:
            self._look_at_head(now, self._head_due)
        elif receiving and self._body_pace.too_slow(now, self._received):
            rate = self.limits.bytes_per_second
            self._refuse(
                "body_slow", RequestTimeout(f"The body arrived too slowly: send at least {rate:g} bytes a second.")
            )

    def cut_off(self, reason: Reason) -> None:
        self.crowd.ended[reason] += 1
        _log.info("connection_ended", reason=reason, client=self.client and self.client[0])
        self._leave()
        self.transport.abort()

    def _look_at_answer(self, now: float) -> None:
        self.unsent = self._out.unsent
        sent = self._out.written - self.unsent
        if not self.unsent:
            self._answer_pace.rest(now, sent)
        elif self._answer_pace.too_slow(now, sent):
            self.cut_off("answer_unread")

    def _look_at_head(self, now: float, due: float) -> None:
        if now < due:
            return
        if self._received:
            self._refuse("headers_late", RequestTimeout("The headers of the request arrived too slowly."))
        else:
            self.cut_off("headers_late")

    @property
    def stalled_since(self) -> float:
        return self._answer_pace.moved

    @property
    def behind(self) -> bool:
        return self._body_pace.behind or self._answer_pace.behind

    # Ending a connection.

    def _refuse(self, reason: Reason, problem: PasticheError) -> None:
        """Respond with the problem if no response has begun, and close."""
        if self.transport.is_closing():
            return
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.cut_off(reason)
            return
        self.crowd.ended[reason] += 1
        client = self.client and self.client[0]
        _log.info("request_refused", reason=reason, problem=problem.slug, client=client, private=problem.private)
        self.transport.write(refusal(self.conn, problem, self.config.prefix))
        self._leave()
        self.transport.close()

    def _leave(self) -> None:
        """Detach the application from the connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.flow.resume_writing()

    def _lingers(self) -> bool:
        """Whether the client may still be sending although the connection should be closed."""
        state = self.conn.their_state
        sending = state in (h11.SEND_BODY, h11.ERROR) or (state is h11.IDLE and self._head_due is not None)
        if not sending or self.conn.they_are_waiting_for_100_continue:
            return False
        self._lingering = True
        self._discard()
        self.flow.resume_reading()
        self.crowd.waits(self)
        return True

    def _discards(self) -> bool:
        """Whether the response is complete, and incoming bytes still belong to its request."""
        return self._lingering or (self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete)

    def _discard(self) -> None:
        self._discard_due = self.loop.time() + self.limits.discard_seconds
        self._discard_most = self._received + self.limits.discard_bytes

    def _discarded_enough(self, now: float) -> bool:
        return now >= self._discard_due or self._received > self._discard_most


def unmapped(client: tuple[str, int] | None) -> tuple[str, int] | None:
    """The address, with IPv4 mapped to IPv6 (::ffff:192.0.2.1), as in dual-stack sockets, turned back to IPv4."""
    if client is None or ":" not in client[0]:
        return client
    address = ipaddress.ip_address(client[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return client if mapped is None else (str(mapped), client[1])
