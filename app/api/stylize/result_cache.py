"""Results of earlier requests, and one computation for all equal requests in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

from cachetools import LRUCache

from app.errors import RequestError

# What an entry weighs besides its bytes: keys and objects, without which small pictures would pass the bound.
ENTRY_BYTES = 1024

Source = Literal["hit", "miss", "shared"]


@dataclass(frozen=True)
class StylizedImage:
    """The encoded image, and its megapixels."""

    data: bytes
    megapixels: float


@dataclass(eq=False)
class Flight:
    """A computation in flight, and how many requests wait for it. It is cancelled when the last one leaves."""

    task: asyncio.Task[StylizedImage]
    waiting: int = 0


class ResultCache:
    """Bounded in bytes, least recently used first out. For the event loop's thread only.

    Args:
        limit_bytes: of all entries. With 0, nothing is cached and nothing shared.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._kept: LRUCache[Hashable, StylizedImage] = LRUCache(limit_bytes, getsizeof=weight)
        self._flights: dict[Hashable, Flight] = {}

    @property
    def held_bytes(self) -> int:
        return int(self._kept.currsize)

    async def get(
        self, key: Hashable, begin: Callable[[], asyncio.Task[StylizedImage]]
    ) -> tuple[StylizedImage, Source]:
        """The result for that key: cached, in flight for another request, or begun now.

        Args:
            begin: starts the computation; called once at most.

        Raises:
            What the computation raises: always if it was begun here; of another request's, only what is wrong with
                the request itself. Where the service was at fault, including the deadline of the other request, it
                is begun here instead.
            asyncio.CancelledError: the caller is cancelled; the computation goes on for those who still wait.
        """
        if not self._kept.maxsize:
            key = object()
        while True:
            if (kept := self._kept.get(key)) is not None:
                return kept, "hit"
            flight = self._flights.get(key)
            if flight is None:
                return await self._landed(key, self._begun(key, begin())), "miss"
            try:
                return await self._landed(key, flight), "shared"
            except RequestError:
                raise
            except Exception:  # noqa: BLE001 - whatever befell the other request, this one has its own attempt
                continue

    def _begun(self, key: Hashable, task: asyncio.Task[StylizedImage]) -> Flight:
        flight = self._flights[key] = Flight(task)
        task.add_done_callback(partial(self._end, key, flight))
        return flight

    async def _landed(self, key: Hashable, flight: Flight) -> StylizedImage:
        flight.waiting += 1
        try:
            # Not awaited itself: a cancelled caller would cancel it for the others.
            await asyncio.wait({flight.task})
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()
                # Until it has cleaned up.
                await asyncio.gather(flight.task, return_exceptions=True)
        return flight.task.result()

    def _end(self, key: Hashable, flight: Flight, task: asyncio.Task[StylizedImage]) -> None:
        self._forget(key, flight)
        # Retrieved here in any case: all who waited may have left meanwhile.
        if not task.cancelled() and task.exception() is None:
            with suppress(ValueError):  # larger than the cache
                self._kept[key] = task.result()

    def _forget(self, key: Hashable, flight: Flight) -> None:
        """Nobody joins it from now on; another one may have taken its place."""
        if self._flights.get(key) is flight:
            del self._flights[key]


def weight(painting: StylizedImage) -> int:
    return len(painting.data) + ENTRY_BYTES
