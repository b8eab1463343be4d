"""The threads that decode and encode: never the event loop's, never more than the setting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from app.api.codecs.queue import LINES, CodecQueue, CodecStep, Place
from app.api.stages import Stages
from app.imaging.cost import PROBING, Cost
from app.imaging.decode import Header, probe

Given = ParamSpec("Given")
Result = TypeVar("Result")

NAME = "codec"


class Task:
    """What a step does, and the future that gets what comes of it."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.future: Future[Any] = Future()
        self._call = call

    def run(self) -> float | None:
        """How many seconds it took; None if it failed or nobody waits for it any more."""
        if not self.future.set_running_or_notify_cancel():
            return None
        began = time.monotonic()
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
            self.future.set_exception(error)
            return None
        seconds = time.monotonic() - began
        self.future.set_result(result)
        return seconds

    def fail(self, problem: Exception) -> None:
        """Instead of running."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(problem)


class CodecThreads:
    """The one place where work of the codecs is admitted, and done in the order of `CodecQueue`.

    Args:
        threads: of each line.
        memory_bytes: for the steps that run at once.
        clock: monotonic, in seconds; deadlines are points on it.
    """

    def __init__(self, threads: int, memory_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue: CodecQueue[Task] = CodecQueue(threads=threads, memory_bytes=memory_bytes)
        self._clock = clock
        self._pool = ThreadPoolExecutor(len(LINES) * threads, NAME, name_this_thread)
        self._lock = threading.Lock()  # guards the queue

    @property
    def pending(self) -> int:
        """Steps that wait or run."""
        with self._lock:
            return self._queue.pending

    @property
    def seconds(self) -> float:
        """Of one thread, predicted for all that is admitted and has not ended."""
        with self._lock:
            return self._queue.seconds

    def admit(self, costs: Sequence[Cost], deadline: float) -> CodecWork:
        """The right to run a request's steps, of these costs and in their order.

        Args:
            deadline: of the request.

        Raises:
            Overloaded, DeadlineExceeded: as `CodecQueue.admit`.
        """
        with self._lock:
            return CodecWork(self, self._queue.admit(self._clock(), costs, deadline))

    async def probe(self, data: bytes, max_megapixels: float, deadline: float, stages: Stages) -> Header:
        """Returns and raises as `probe`; also raises as `admit`."""
        with self.admit([PROBING], deadline) as work:
            return await work.run(stages, probe, data, max_megapixels)

    def submit(self, place: Place, call: Callable[[], Any]) -> Future[Any]:
        """If it is cancelled before its turn, it never begins."""
        task = Task(call)
        with self._lock:
            step = self._queue.submit(place, task)
        task.future.add_done_callback(partial(self._forget_cancelled, step))
        self._begin_all()
        return task.future

    def leave(self, place: Place) -> None:
        with self._lock:
            self._queue.leave(place)

    def stop(self) -> None:
        """Steps that run go on to their end; those that wait are cancelled."""
        self._pool.shutdown(wait=False)
        self._begin_all()

    def _begin_all(self) -> None:
        while (step := self._next()) is not None:
            try:
                self._pool.submit(self._run, step)
            except RuntimeError:  # stopped
                step.payload.future.cancel()
                self._end(step, None)

    def _next(self) -> CodecStep[Task] | None:
        with self._lock:
            return self._queue.next()

    def _run(self, step: CodecStep[Task]) -> None:
        self._end(step, step.payload.run())
        self._begin_all()

    def _end(self, step: CodecStep[Task], seconds: float | None) -> None:
        with self._lock:
            self._queue.finish(step, seconds)
            expired = self._queue.expire(self._clock())
        for late, problem in expired:
            late.payload.fail(problem)

    def _forget_cancelled(self, step: CodecStep[Task], done: Future[Any]) -> None:
        if done.cancelled():
            with self._lock:
                self._queue.cancel(step)


class CodecWork:
    """One request's steps; as a context, its place is free again at the end."""

    def __init__(self, threads: CodecThreads, place: Place) -> None:
        self._threads = threads
        self._place = place

    async def run(
        self, stages: Stages, function: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Run the next step in a thread; the wait for it counts as `queue`."""
        asked = time.perf_counter()

        def step() -> Result:
            stages.add("queue", time.perf_counter() - asked)
            return function(*args, **kwargs)

        result: Result = await asyncio.wrap_future(self._threads.submit(self._place, step))
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._threads.leave(self._place)


def name_this_thread() -> None:
    """Tell the system the name, too, which Python does from 3.14 on: `top -H` then shows what decoding costs."""
    with suppress(OSError):  # on other systems than Linux there is no such file
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(NAME)
