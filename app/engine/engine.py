"""The engine thread: takes batches from the scheduler, stylizes them, and answers through futures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import structlog

from app import tracing
from app.engine.health import EngineHealth, Vitals
from app.engine.recovery import Outcome, paint_or_explain
from app.engine.repainting import ONCE, Repainting
from app.engine.scheduler import Batch, Scheduler, Ticket
from app.engine.stylizer import Blend, Stylizer, check_blend
from app.errors import DeadlineExceeded, EngineFailed, ModelUnavailable, OutOfMemory, PasticheError
from app.imaging.picture import Pixels

if TYPE_CHECKING:
    from opentelemetry.context import Context

# How often the idle thread reports that it is alive.
BEAT_SECONDS = 0.5
# How often a failing engine tries a small picture: while it is not ready, no traffic comes to prove it works.
PROBE_SECONDS = 3.0
PROBE_PICTURE = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[:, None, None], (1, 64, 3))

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, eq=False)
class Work:
    """A decoded picture with the stylizer that it was submitted to, which a later swap does not change."""

    stylizer: Stylizer
    picture: Pixels
    blend: Blend
    repainting: Repainting
    future: Future[Pixels]
    trace: Context | None = field(default_factory=tracing.here)


@dataclass(frozen=True)
class EngineLoad:
    """How busy the engine is; `waiting` and `running` count pictures, the speed is None until measured."""

    queued_megapixels: float
    waiting: int
    running: int
    megapixels_per_second: float | None


class Engine:
    """One thread that runs the networks. All methods are thread-safe.

    A request takes a ticket (`admit`), decodes its picture, and hands both in (`submit`). Whoever has a
    ticket must submit or cancel it, or its megapixels stay reserved for good.

    Args:
        stylizers: the models by name, possibly none yet.
        queue_megapixels: limit on what is admitted and not yet done.
        batch_pictures: maximum number of pictures in a batch.
        stall_seconds: how long one batch may take before `health` calls the engine dead.
        live_share: as in `Scheduler`.
        clock: monotonic, in seconds; deadlines are points on it.
    """

    def __init__(
        self,
        stylizers: Mapping[str, Stylizer],
        *,
        queue_megapixels: float,
        batch_pictures: int,
        stall_seconds: float,
        live_share: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._stylizers = dict(stylizers)
        self._scheduler: Scheduler[Work] = Scheduler(
            queue_megapixels=queue_megapixels, batch_pictures=batch_pictures, live_share=live_share
        )
        self._vitals = Vitals(clock(), stall_seconds)
        self._suspect: Stylizer | None = None  # the one that failed last
        self._probed = clock()
        self._wake = threading.Condition()  # guards everything above
        self._stopping = False
        # A daemon: a batch that never ends must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Warm the first model in the caller's thread, then begin to take requests."""
        first = next(iter(self._stylizers.values()), None)
        if first is not None:
            self._seed(first)
        self._thread.start()

    def warm_others(self, until: Callable[[], bool]) -> None:
        """Warm the models that are cold, in the caller's thread beside the engine, until `until` says to stop.

        A request for one of them is taken before; it takes the time that warming up would have taken.
        """
        for stylizer in list(self._stylizers.values()):
            if until():
                return
            warm_if_cold(stylizer)

    def _seed(self, stylizer: Stylizer) -> None:
        warm_if_cold(stylizer)
        if stylizer.megapixels_per_second:
            with self._wake:
                self._scheduler.seed(stylizer.megapixels_per_second)

    def stop(self, timeout: float) -> None:
        """Accept nothing new, finish what waits within `timeout` seconds, and fail the rest."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._abandon()

    def swap(self, stylizers: Mapping[str, Stylizer]) -> None:
        """Replace the models in one step; requests that began before finish on the model that they began with."""
        for stylizer in stylizers.values():
            warm_if_cold(stylizer)
        speeds = [s.megapixels_per_second for s in stylizers.values() if s.megapixels_per_second]
        with self._wake:
            self._stylizers = dict(stylizers)
            if self._suspect not in self._stylizers.values():
                self._suspect = None  # nothing else would refer to it any more
            if speeds:
                self._scheduler.seed(min(speeds))

    def admit(self, megapixels: float, deadline: float, spare: float = 0, *, live: bool = False) -> Ticket:
        """As `admit_passes`, for one."""
        [ticket] = self.admit_passes(1, megapixels, deadline, spare, live=live)
        return ticket

    def admit_passes(
        self, passes: int, megapixels: float, deadline: float, spare: float = 0, *, live: bool = False
    ) -> tuple[Ticket, ...]:
        """Reserve room for so many passes over a picture of that size once resized, before it is decoded.

        `spare` and `live` are as in `Scheduler.admit_passes`.

        Raises:
            Overloaded, DeadlineExceeded: as `Scheduler.admit_passes`.
            ModelUnavailable: if the engine does not run or has no model.
        """
        with self._wake:
            self._check_running()
            return self._scheduler.admit_passes(self._clock(), passes, megapixels, deadline, spare, live=live)

    def submit_passes(
        self,
        tickets: Sequence[Ticket],
        stylizer: Stylizer,
        pixels: Pixels,
        blends: Sequence[Blend],
        repainting: Repainting = ONCE,
    ) -> list[Future[Pixels]]:
        """As `submit`, for a picture in several blends, a ticket for each: one batch, as far as they fit into one."""
        with self._wake:  # before the thread can take the first of them
            return [
                self.submit(ticket, stylizer, pixels, blend, repainting)
                for ticket, blend in zip(tickets, blends, strict=True)
            ]

    def submit(
        self,
        ticket: Ticket,
        stylizer: Stylizer,
        pixels: Pixels,
        blend: Blend,
        repainting: Repainting = ONCE,
    ) -> Future[Pixels]:
        """Queue a decoded picture (H, W, 3). Cancelling the future drops it.

        `repainting` is as `Stylizer.paint` has it; what it paints is in the ticket, too.

        `stylizer` may have been replaced since the request began: it is used all the same.

        The future of a ticket that was cancelled comes back cancelled. Otherwise it may fail with
        DeadlineExceeded, EngineFailed, OutOfMemory or ModelUnavailable.

        Raises:
            ModelUnavailable, UnknownStyle, InvalidOption: if it cannot be done at all.
            ValueError: if the picture is not (H, W, 3) of uint8.
            Each of them ends the ticket.
        """
        try:
            return self._submit(ticket, stylizer, pixels, blend, repainting)
        except BaseException:
            self.cancel(ticket)
            raise

    def _submit(
        self, ticket: Ticket, stylizer: Stylizer, pixels: Pixels, blend: Blend, repainting: Repainting
    ) -> Future[Pixels]:
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"A picture is (H, W, 3) of uint8, not {pixels.shape} of {pixels.dtype}.")
        future: Future[Pixels] = Future()
        with self._wake:
            self._check_running()
            check_blend(blend, stylizer.style_ids)
            key = (stylizer, stylizer.batch_key(*pixels.shape[:2]), repainting)
            work = Work(stylizer, pixels, dict(blend), repainting, future)
            queued = self._scheduler.submit(ticket, key, work, stylizer.most_at_once)
            self._wake.notify_all()
        if not queued:
            future.cancel()
        future.add_done_callback(lambda done: self.cancel(ticket) if done.cancelled() else None)
        return future

    def cancel(self, ticket: Ticket) -> None:
        """The client left, at whatever stage; may be called again. A batch that runs is not interrupted."""
        with self._wake:
            work = self._scheduler.cancel(ticket)
        if work is not None:
            work.future.cancel()

    @property
    def health(self) -> EngineHealth:
        return self._vitals.health(
            self._clock(),
            alive=self._thread.is_alive(),
            stopping=self._stopping,
            models=len(self._stylizers),
        )

    @property
    def load(self) -> EngineLoad:
        with self._wake:
            s = self._scheduler
            return EngineLoad(s.queued_megapixels, s.waiting, s.running, s.megapixels_per_second)

    def _check_running(self) -> None:
        if self._stopping or not self._thread.is_alive():
            raise ModelUnavailable("The engine does not run.")
        if not self._stylizers:
            raise ModelUnavailable("No model is loaded yet.")

    def _run(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                self._paint(batch)
                del batch  # while it waits, the thread must hold no picture
        except BaseException as error:
            _log.critical("engine_thread_died", error=repr(error))
            raise
        finally:
            self._stopping = True
            self._abandon()

    def _next_batch(self) -> Batch[Work] | None:
        """Wait for a batch; None when the engine stops and the queue is empty."""
        while True:
            with self._wake:
                now = self._clock()
                self._vitals.beat(now)
                expired = self._scheduler.expire(now)
                batch = self._scheduler.next_batch(now)
                probe = batch is None and self._vitals.failing and now - self._probed >= PROBE_SECONDS
                if batch or probe:
                    self._vitals.begin(now)
                elif not expired:
                    if self._stopping:
                        return None
                    self._wake.wait(BEAT_SECONDS)
            fail_all(expired, DeadlineExceeded, "The image could not be stylized in time.")
            if batch is not None:
                return batch
            if probe:
                self._note(self._probe())

    def _paint(self, batch: Batch[Work]) -> None:
        works = [job.payload for job in batch.jobs if job.payload.future.set_running_or_notify_cancel()]
        outcomes: list[Outcome] = []
        began = self._clock()
        try:
            if works:
                pictures, blends = [w.picture for w in works], [w.blend for w in works]
                outcomes = paint_or_explain(works[0].stylizer, pictures, blends, works[0].repainting)
        finally:
            seconds = self._clock() - began
            for work in works:
                tracing.record("network", seconds, work.trace)
            painted = len(works) == len(batch.jobs) and not any(isinstance(o, PasticheError) for o in outcomes)
            with self._wake:
                self._scheduler.finish(batch, seconds if painted and outcomes else None)
            self._judge(works, outcomes)
            deliver(works, outcomes)

    def _judge(self, works: list[Work], outcomes: list[Outcome]) -> None:
        """Update the engine's health from the outcomes of a batch."""
        if not outcomes:
            return
        if any(not isinstance(outcome, PasticheError) for outcome in outcomes):
            self._suspect = None
            self._note(True)
            return
        self._suspect = works[0].stylizer
        # Too large a picture says nothing about the engine, unless a small one does not fit either.
        too_large = all(isinstance(outcome, OutOfMemory) for outcome in outcomes)
        self._note(too_large and self._probe())

    def _note(self, succeeded: bool) -> None:
        with self._wake:
            self._probed = self._clock()
            self._vitals.note(succeeded)

    def _probe(self) -> bool:
        """Whether a small image can be stylized, with the model that failed last if it is still in use."""
        current = list(self._stylizers.values())
        if not current:
            return False
        stylizer = next((s for s in current if s is self._suspect), current[0])
        [outcome] = paint_or_explain(stylizer, [PROBE_PICTURE], [{stylizer.style_ids[0]: 1.0}])
        return not isinstance(outcome, PasticheError)

    def _abandon(self) -> None:
        """Fail all waiting requests, since the thread has ended."""
        with self._wake:
            waiting = self._scheduler.drain()
        fail_all(waiting, ModelUnavailable, "The service is stopping; send the request again.")


def warm_if_cold(stylizer: Stylizer) -> None:
    if stylizer.megapixels_per_second is None:
        stylizer.warm()


def deliver(works: list[Work], outcomes: list[Outcome]) -> None:
    """Resolve every future. Those without an outcome were being processed when the thread died."""
    for index, work in enumerate(works):
        outcome = (
            outcomes[index]
            if index < len(outcomes)
            else EngineFailed("The engine stopped while it worked on this image.")
        )
        if isinstance(outcome, PasticheError):
            work.future.set_exception(outcome)
        else:
            work.future.set_result(outcome)


def fail_all(works: list[Work], problem: type[PasticheError], detail: str) -> None:
    """Fail pending futures, each with a problem of its own, unless their client has left."""
    for work in works:
        if work.future.set_running_or_notify_cancel():
            work.future.set_exception(problem(detail))
