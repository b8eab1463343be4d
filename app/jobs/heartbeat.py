"""The thread that keeps a running job with its worker, for as long as the job advances."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType

import structlog

from app.errors import LedgerUnavailable
from app.jobs.context import JobContext
from app.jobs.leases import LeaseLost, Leases

# A stopping worker waits so long for its job's next checkpoint; supervisors kill after ten seconds or so.
DRAIN_SECONDS = 5
# sysexits.h: a service that it needs is unavailable. Whoever runs the worker starts it again.
HUNG = 69

_log = structlog.get_logger(__name__)


class Heartbeat:
    """Around the run of a task: tells the ledger its progress, and the task what the ledger says.

    It ends the whole process, since no thread can be ended from outside, when the task does not advance any more, or
    does not come to a checkpoint after the worker was told to stop.
    """

    def __init__(self, context: JobContext, leases: Leases, *, every_seconds: float, stall_seconds: float) -> None:
        self._context = context
        self._leases = leases
        self._every_seconds = every_seconds
        self._stall_seconds = stall_seconds
        self._over = threading.Event()
        self._reachable = True
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        drained_by = None
        while not self._over.wait(self._every_seconds):
            now = time.monotonic()
            if now - self._context.advanced_at > self._stall_seconds:
                self._give_up()
            if self._context.stopping.is_set():
                drained_by = drained_by or now + DRAIN_SECONDS
                if now > drained_by:
                    self._hand_over()
            self.beat()

    def beat(self) -> None:
        """One heartbeat. While the database is away the work goes on: the job may still be ours when it is back."""
        try:
            job = self._leases.heartbeat(self._context.job, self._context.progress)
        except LeaseLost:
            self._context.lost.set()
            self._over.set()
        except LedgerUnavailable as error:
            if self._reachable:
                _log.warning("heartbeat_failed", job=self._context.job.id, reason=error.private)
            self._reachable = False
        else:
            self._reachable = True
            if job.cancel_requested:
                self._context.cancel_requested.set()

    def _give_up(self) -> None:
        _log.critical("job_hung", job=self._context.job.id, attempt=self._context.job.attempt)
        os._exit(HUNG)

    def _hand_over(self) -> None:
        """From the last checkpoint that there is."""
        try:
            self._leases.heartbeat(self._context.job, self._context.progress)
            self._leases.release(self._context.job)
        except (LeaseLost, LedgerUnavailable):
            pass  # somebody else has it, or takes it when the lease is over
        _log.warning("job_released_without_checkpoint", job=self._context.job.id)
        os._exit(0)
