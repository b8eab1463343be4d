"""Whether bytes come, or go, fast enough."""

from __future__ import annotations


class Pace:
    """Of one direction of one connection.

    Args:
        seconds: of silence that are too many, and over which the rate is measured.
        rate: bytes a second that are enough.
        now: monotonic, in seconds; the first measure begins there.

    Attributes:
        moved: when bytes were last transferred, or there were none to transfer.
    """

    def __init__(self, seconds: float, rate: float, now: float) -> None:
        self.moved = now
        self._seconds = seconds
        self._enough = seconds * rate
        self._count = 0
        # Where the rate's measure began.
        self._since = now
        self._before = 0

    def rest(self, now: float, count: int) -> None:
        """Nothing is to be transferred now; the next measure begins here."""
        self.moved = self._since = now
        self._count = self._before = count

    def too_slow(self, now: float, count: int) -> bool:
        """
        Args:
            count: bytes that were transferred in all.
        """
        if count > self._count:
            self.moved, self._count = now, count
        if now - self.moved >= self._seconds:
            return True
        if now - self._since < self._seconds:
            return False
        slow = count - self._before < self._enough
        self._since, self._before = now, count
        return slow
