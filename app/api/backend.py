"""Calls to what may hang, such as a database or a store: in threads of their own, for a bounded time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from app import tracing
from app.errors import ServiceError

Given = ParamSpec("Given")
Result = TypeVar("Result")

# Calls that may wait for each thread; with a healthy database each takes milliseconds.
WAITING_PER_THREAD = 32
RETRY_SECONDS = 5


class Backend:
    """A bounded pool with a bounded queue, for one thing that may hang.

    Args:
        name: of the threads, and of the span of each call.
        threads: how many calls are made at once.
        seconds: how long a caller waits; the call itself may go on.
        unavailable: what is raised when it does not answer.
    """

    def __init__(self, name: str, threads: int, seconds: float, unavailable: type[ServiceError]) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._bound = threads * (1 + WAITING_PER_THREAD)
        self._seconds = seconds
        self._unavailable = unavailable
        self._pending = 0
        self._lock = threading.Lock()  # guards the count, which threads decrease

    async def call(self, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """What `function` returns or raises; `unavailable` when that takes too long, or too many calls wait."""
        with tracing.span(self._name):
            return await self._call(partial(function, *args, **kwargs))

    async def _call(self, function: Callable[[], Result]) -> Result:
        if self._pending >= self._bound:
            raise self._unanswered()
        self._count(1)
        future = self._pool.submit(function)
        # When the thread is free again, which may be after the caller has given up.
        future.add_done_callback(lambda _: self._count(-1))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            raise self._unanswered() from None

    def _count(self, change: int) -> None:
        with self._lock:
            self._pending += change

    def _unanswered(self) -> ServiceError:
        return self._unavailable(f"{self._unavailable.title}: no answer in time.", retry_after_seconds=RETRY_SECONDS)

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
