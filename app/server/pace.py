"""Whether bytes are transferred fast enough."""

from __future__ import annotations

# Seconds below the rate after which a connection may be closed to make room.
BEHIND_SECONDS = 2


class Pace:
    """The rate of one direction of a connection.

    Args:
        seconds: longest time without bytes, and the time over which the rate is measured.
        rate: lowest rate, in bytes per second.
        now: monotonic time in seconds, at which measuring starts.

    Attributes:
        moved: when bytes were last transferred, or there was nothing to transfer.
        behind: whether the rate was too low over the last two seconds, which is tolerated unless room is needed.
    """

    def __init__(self, seconds: float, rate: float, now: float) -> None:
        self._seconds = seconds
        self._rate = rate
        self.rest(now, 0)

    def rest(self, now: float, count: int) -> None:
        """There is nothing to transfer; measuring starts again."""
        self.moved = now
        self.behind = False
        self._count = count
        # Start of both measurements: over `seconds`, and over two seconds.
        self._long = self._short = (now, count)

    def too_slow(self, now: float, count: int) -> bool:
        """
        Args:
            count: bytes transferred in total.
        """
        if count > self._count:
            self.moved, self._count = now, count
        if now - self._short[0] >= BEHIND_SECONDS:
            self.behind = self._less_than_enough(self._short, now, count)
            self._short = (now, count)
        if now - self.moved >= self._seconds:
            return True
        if now - self._long[0] < self._seconds:
            return False
        slow = self._less_than_enough(self._long, now, count)
        self._long = (now, count)
        return slow

    def _less_than_enough(self, start: tuple[float, int], now: float, count: int) -> bool:
        return count - start[1] < self._rate * (now - start[0])
