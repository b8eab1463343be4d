"""The thread that renews a running job's lease for as long as the job advances."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType

import structlog

from app.errors import LedgerUnavailable
from app.jobs.context import JobContext
from app.jobs.job import Job, JobProgress
from app.jobs.leases import LeaseLost, Leases

# A stopping worker waits so long for its job's next checkpoint; supervisors kill after ten seconds or so.
DRAIN_SECONDS = 5
# sysexits.h: a service that it needs is unavailable. Whoever runs the worker starts it again.
HUNG = 69

_log = structlog.get_logger(__name__)


class Heartbeat:
    """Runs beside a task: tells the ledger the task's progress, and the task what the ledger answers.

    It ends the whole process, since no thread can be ended from outside, when the task does not advance any more, or
    does not come to a checkpoint after the worker was told to stop.
    """

    def __init__(self, context: JobContext, leases: Leases, *, every_seconds: float, stall_seconds: float) -> None:
        self._context = context
        self._leases = leases
        self._every_seconds = every_seconds
        self._stall_seconds = stall_seconds
        self._over = threading.Event()
        self.faults = 0
        self._works = True
        # As the ledger has it already.
        self._told = JobProgress(fraction=context.job.progress, losses=context.job.losses, facts=context.job.facts)
        self._drained_by: float | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every_seconds):
            self._guard(time.monotonic())
            self.beat()

    def _guard(self, now: float) -> None:
        """End the process if the task hangs or does not stop."""
        if now - self._context.advanced_at > self._stall_seconds:
            self._give_up()
        if self._context.stopping.is_set():
            self._drained_by = self._drained_by or now + DRAIN_SECONDS
            if now > self._drained_by:
                self._hand_over()

    def beat(self) -> None:
        """One heartbeat. While the database is away the work goes on: the job may still be ours when it is back.

        Whatever else goes wrong, the next one is tried: a job whose heartbeat has ended would be given to another
        worker while this one goes on with it, and nothing would watch over it any more.
        """
        try:
            job = self._tell()
        except LeaseLost:
            self._context.lost.set()
            self._over.set()
        except LedgerUnavailable as error:
            if self._works:
                _log.warning("heartbeat_failed", job=self._context.job.id, reason=error.private)
            self._works = False
        except Exception:  # noqa: BLE001 - see above
            if self._works:
                _log.exception("heartbeat_failed", job=self._context.job.id)
            self._works = False
            self.faults += 1
        else:
            self._works = True
            if job.cancel_requested:
                self._context.cancel_requested.set()

    def _tell(self) -> Job:
        """The progress if there is any since the last time, else only that the job is still ours."""
        progress = self._context.progress
        if progress == self._told:
            return self._leases.renew(self._context.job)
        job = self._leases.heartbeat(self._context.job, progress)
        self._told = progress
        return job

    def _give_up(self) -> None:
        _log.critical("job_hung", job=self._context.job.id, attempt=self._context.job.attempt)
        os._exit(HUNG)

    def _hand_over(self) -> None:
        """From the last checkpoint that there is."""
        try:
            self._leases.heartbeat(self._context.job, self._context.progress)
            self._leases.release(self._context.job)
        except Exception as error:  # noqa: BLE001 - somebody else has it, or takes it when the lease is over
            _log.warning("job_not_released", job=self._context.job.id, reason=repr(error))
        else:
            _log.warning("job_released_without_checkpoint", job=self._context.job.id)
        os._exit(0)
