"""The threads that decode and encode: never the event loop's, never more than the setting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from app.api.stages import Stages
from app.errors import Overloaded

Given = ParamSpec("Given")
Result = TypeVar("Result")

# Steps that may wait for each thread. At some 5 ms a step this is a third of a second, which the engine's queue, the
# real bound, does not notice; pictures of a few pixels and encoders slower than the engine come against this one.
WAITING_PER_THREAD = 64
RETRY_SECONDS = 1
NAME = "codec"


class CodecThreads:
    """A bounded pool with a bounded queue.

    Args:
        threads: how many steps run at once.
    """

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, NAME, name_this_thread)
        self._bound = threads * (1 + WAITING_PER_THREAD)
        self._pending = 0
        self._lock = threading.Lock()  # guards the count, which threads bring down

    @property
    def pending(self) -> int:
        """Steps that wait or run."""
        return self._pending

    def check_room(self) -> None:
        """Called before a request's first step. Later ones are always taken: refusing them would waste the others.

        Raises:
            Overloaded: as many steps wait as may.
        """
        if self._pending >= self._bound:
            raise Overloaded("Too many pictures wait to be decoded and encoded.", retry_after_seconds=RETRY_SECONDS)

    async def run(
        self, stages: Stages, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Run one step in a thread; the wait for it counts as `queue`. Cancelled before its turn, it never begins."""
        asked = time.perf_counter()

        def step() -> Result:
            stages.add("queue", time.perf_counter() - asked)
            return function(*args, **kwargs)

        self._count(1)
        future = self._pool.submit(step)
        # When the thread is free again, which is later than a cancelled caller is told.
        future.add_done_callback(lambda _: self._count(-1))
        return await asyncio.wrap_future(future)

    def _count(self, change: int) -> None:
        with self._lock:
            self._pending += change

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def name_this_thread() -> None:
    """Tell the system the name, too, which Python does from 3.14 on: `top -H` then shows what decoding costs."""
    with suppress(OSError):  # on other systems than Linux there is no such file
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(NAME)
