"""Whether bytes come, or go, fast enough."""

from __future__ import annotations

# Who is too slow for so long makes room where others need it.
BEHIND_SECONDS = 2


class Pace:
    """Of one direction of one connection.

    Args:
        seconds: of silence that are too many, and over which the rate is measured.
        rate: bytes a second that are enough.
        now: monotonic, in seconds; the first measure begins there.

    Attributes:
        moved: when bytes were last transferred, or there were none to transfer.
        behind: whether the last two seconds brought less than the rate; borne with while nobody needs the room.
    """

    def __init__(self, seconds: float, rate: float, now: float) -> None:
        self._seconds = seconds
        self._rate = rate
        self.rest(now, 0)

    def rest(self, now: float, count: int) -> None:
        """Nothing is to be transferred now; the next measure begins here."""
        self.moved = now
        self.behind = False
        self._count = count
        # Where the measures began, that over `seconds` and that over two.
        self._long = self._short = (now, count)

    def too_slow(self, now: float, count: int) -> bool:
        """
        Args:
            count: bytes that were transferred in all.
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
