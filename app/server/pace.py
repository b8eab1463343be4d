"""Whether bytes come, or go, fast enough."""

from __future__ import annotations


class Pace:
    """Of one direction of one connection.

    Args:
        seconds: over which the rate is measured.
        rate: bytes a second that are enough.
        now: monotonic, in seconds; the first measure begins there.
    """

    def __init__(self, seconds: float, rate: float, now: float) -> None:
        self._seconds = seconds
        self._enough = seconds * rate
        self._since = now
        self._count = 0

    def rest(self, now: float, count: int) -> None:
        """Nothing is to be transferred now; the next measure begins here."""
        self._since, self._count = now, count

    def too_slow(self, now: float, count: int) -> bool:
        """
        Args:
            count: bytes that were transferred in all.
        """
        if now - self._since < self._seconds:
            return False
        slow = count - self._count < self._enough
        self.rest(now, count)
        return slow
