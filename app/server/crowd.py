"""All connections of a server: how many are allowed, and which one is closed first if there are too many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal, Protocol, get_args

import structlog

from app.server.limits import Limits

# Refused connections stay open until their client has read the reason, up to this many; beyond it they are cut off.
MAX_REFUSED = 32
# Seconds between log lines about too many connections.
LOG_SECONDS = 10

# Why the server closes a connection, by the limit.
Reason = Literal[
    "answer_unread",
    "body_endless",
    "body_slow",
    "connections",
    "headers",
    "headers_late",
    "messages",
    "unsent",
]

_log = structlog.get_logger(__name__)


class Member(Protocol):
    """A connection, as `Crowd` sees it."""

    unsent: int
    """Unsent bytes of responses."""

    @property
    def stalled_since(self) -> float:
        """When the client last read some of them."""

    @property
    def behind(self) -> bool:
        """Whether its request or response is transferred below the minimum rate."""

    def look(self, now: float) -> None:
        """Close the connection if it takes too long."""

    def cut_off(self, reason: Reason) -> None:
        """Close the connection without a response."""


class Crowd:
    """
    Args:
        limits: the server's limits.
        clock: monotonic, in seconds.

    Attributes:
        ended: how many connections the server has closed, by reason.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.ended: Counter[str] = Counter(dict.fromkeys(get_args(Reason), 0))
        self._clock = clock
        # Idle connections, the one that has been idle for longest first.
        self._waiting: dict[Member, None] = {}
        # At the last look: slow connections, the one that has stalled for longest last.
        self._behind: list[Member] = []
        self._told = -float(LOG_SECONDS)

    def waits(self, member: Member) -> None:
        """The connection is idle now: it has no request in progress."""
        self._waiting.pop(member, None)
        self._waiting[member] = None

    def works(self, member: Member) -> None:
        """The connection is busy or closed now. May be called again."""
        self._waiting.pop(member, None)

    def admits(self, count: int) -> bool:
        """Whether to accept one more connection beside `count` open ones.

        The one that has been idle for longest is closed to make room; if none is idle, a slow one is.
        """
        if count < self.limits.connections:
            return True
        self._tell(count)
        leaving = next(iter(self._waiting), None) or (self._behind.pop() if self._behind else None)
        if leaving is None:
            return False
        self._waiting.pop(leaving, None)
        leaving.cut_off("connections")
        return True

    def look(self, members: Iterable[Member]) -> None:
        """Close connections that take too long. Called a few times per second."""
        now = self._clock()
        there = list(members)
        for member in there:
            member.look(now)
        behind = [member for member in there if member.behind]
        self._behind = sorted(behind, key=lambda member: member.stalled_since, reverse=True)
        excess = sum(member.unsent for member in there) - self.limits.unsent_bytes
        for member in sorted(there, key=lambda member: member.stalled_since) if excess > 0 else ():
            if excess > 0 and member.unsent:
                excess -= member.unsent
                member.cut_off("unsent")

    def _tell(self, count: int) -> None:
        if self._clock() - self._told >= LOG_SECONDS:
            self._told = self._clock()
            _log.warning("connections_full", connections=count, limit=self.limits.connections)
