"""All connections of a server: how many there may be, and which is closed first when there are too many."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from app.server.limits import Limits

# Refused connections stay until their client has read why; where these are too many as well, they are cut off.
MAX_REFUSED = 32
# A flood is logged now and then, not with a line for each of its connections.
LOG_SECONDS = 10

_log = structlog.get_logger(__name__)


class Member(Protocol):
    """A connection, as the crowd knows it."""

    unsent: int
    """Bytes of answers that wait for the client."""

    @property
    def stalled_since(self) -> float:
        """When its client last read some of them."""

    @property
    def behind(self) -> bool:
        """Whether its request or its answer is transferred more slowly than it should be."""

    def look(self, now: float) -> None:
        """Close it if it takes too long."""

    def cut_off(self, reason: str) -> None:
        """Close it without another word."""


class Crowd:
    """
    Args:
        limits: of the server.
        clock: monotonic, in seconds.

    Attributes:
        ended: how many connections the server has closed, by reason.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.ended: Counter[str] = Counter()
        self._clock = clock
        # Between two requests, or before the first: the one that has been so for longest comes first.
        self._waiting: dict[Member, None] = {}
        # At the last look: those that are behind, the one that has stood still for longest last.
        self._behind: list[Member] = []
        self._told = -float(LOG_SECONDS)

    def waits(self, member: Member) -> None:
        """It is idle: no request is in progress."""
        self._waiting.pop(member, None)
        self._waiting[member] = None

    def works(self, member: Member) -> None:
        """It is busy or gone. May be called again."""
        self._waiting.pop(member, None)

    def admits(self, count: int) -> bool:
        """Whether one more may come where `count` are there.

        Whoever has waited for longest makes room for it; where nobody waits, whoever is too slow.
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
        """Called a few times a second."""
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
