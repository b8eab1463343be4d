"""Who may paint live: how many sessions, how many of one principal, and no more than the engine can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.api.live.working_edge import MIN_EDGE
from app.errors import Overloaded, TooManyRequests

RETRY_SECONDS = 10
# Height of a frame for its width; cameras are 4:3 or wider.
ASPECT = 0.75
# Frames a second of a session that names no rate.
DEFAULT_RATE = 25.0
# Frames a second that are still a moving picture: what a session is sure of where more of them want more.
SURE_RATE = 10.0


class Seat:
    """The right to a live session.

    Attributes:
        rate: frames a second that it was admitted for.
        closing: set when the session is to end, since the service does.
    """

    def __init__(self, principal: str, rate: float) -> None:
        self.principal = principal
        self.rate = rate
        self.closing = asyncio.Event()

    @property
    def megapixels_per_second(self) -> float:
        """What it takes of the engine at the least: at its smallest size, and at the rate that it is sure of."""
        return MIN_EDGE**2 * ASPECT / 1e6 * min(self.rate or DEFAULT_RATE, SURE_RATE)


class Seats:
    """All live sessions of the process.

    A session is admitted where all of them can have SURE_RATE, or the lower rate that they ask for, at the smallest
    size in live's share of the engine, as fast as it was measured: so they can beside any number of single pictures.
    What is left of the engine lets them have more.

    Args:
        sessions, each: most of them in all, and of one principal.
        share: of the engine, while pictures wait.
        speed: returns the measured megapixels per second, None before the first measurement.
    """

    def __init__(self, sessions: int, each: int, share: float, speed: Callable[[], float | None]) -> None:
        self._most = sessions
        self._each = each
        self._share = share
        self._speed = speed
        self._taken: set[Seat] = set()

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, principal: str) -> Seat:
        """A seat, to be given back by `leave`.

        Raises:
            TooManyRequests: this principal has as many as it may.
            Overloaded: all seats are taken, or the engine is too slow for one more.
        """
        if sum(seat.principal == principal for seat in self._taken) >= self._each:
            raise TooManyRequests(
                f"You have reached your limit of {self._each} live sessions: close one.",
                retry_after_seconds=RETRY_SECONDS,
            )
        if len(self._taken) >= self._most:
            raise Overloaded(
                f"All {self._most} live sessions of this process are taken: connect again when one of them has ended.",
                retry_after_seconds=RETRY_SECONDS,
            )
        seat = Seat(principal, DEFAULT_RATE)
        if not self._speed_suffices({*self._taken, seat}):
            raise Overloaded(
                f"The engine is too slow for another live session beside {len(self._taken)}: connect again when one of "
                "them has ended.",
                retry_after_seconds=RETRY_SECONDS,
            )
        self._taken.add(seat)
        return seat

    def change_rate(self, seat: Seat, rate: float) -> None:
        """Raises Overloaded, and leaves the rate as it was, if the engine is too slow for the new one."""
        before, seat.rate = seat.rate, rate
        if rate and before and rate <= before:
            return
        if not self._speed_suffices(self._taken):
            seat.rate = before
            raise Overloaded(
                f"The engine is too slow for this rate beside the other live sessions: keep `rate` at {before:g}, or "
                "ask for more when one of them has ended.",
                retry_after_seconds=RETRY_SECONDS,
            )

    def leave(self, seat: Seat) -> None:
        self._taken.discard(seat)

    def close(self) -> None:
        """End all sessions, and tell their clients."""
        for seat in self._taken:
            seat.closing.set()

    def _speed_suffices(self, seats: set[Seat]) -> bool:
        speed = self._speed()
        # The first one always: a speed that was measured too low could not correct itself.
        if speed is None or len(seats) == 1:
            return True
        return sum(seat.megapixels_per_second for seat in seats) <= speed * (self._share or 1)
