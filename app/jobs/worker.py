"""A worker process: claims jobs one at a time, runs their tasks, and ends each job as its task ended."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

import structlog

from app import tracing
from app.engine.memory import is_out_of_memory, release_memory, spare_collector
from app.errors import InputLost, LedgerUnavailable, OutOfMemory, PasticheError, RequestError, StorageUnavailable
from app.jobs.context import HandedOver, JobCancelled, JobContext
from app.jobs.dispatch import Dispatch, Queue, QueueUnavailable
from app.jobs.heartbeat import DRAIN_SECONDS, Heartbeat
from app.jobs.job import Job, Result, attempt_key
from app.jobs.leases import LeaseLost, Leases
from app.jobs.leftovers import discard_leftovers
from app.jobs.presence import Presence
from app.jobs.reaper import Reaper, ReaperThread
from app.jobs.webhooks import Webhooks
from app.model_store.version_rows import VersionRows
from app.settings import Settings
from app.settings.webhooks import key_of
from app.sql.database import Database
from app.sql.migration import prepare
from app.storage.blobs import Blobs, open_storage
from app.storage.seal import sealed

if TYPE_CHECKING:
    from app.jobs.webhook_thread import WebhookThread

Task = Callable[[JobContext], Result]
T = TypeVar("T")

# Requests on the same machine come first.
NICENESS = 10
OUTAGE_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class Worker:
    """Runs one job at a time in the thread that calls `run`, until `stop`."""

    def __init__(self, settings: Settings, tasks: Mapping[str, Task], dispatch: Queue | None = None) -> None:
        expiry_seconds = settings.job_expiry_hours * 3600
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._settings = settings
        self._tasks = tasks
        self._database = Database(settings.ledger_url)
        self._storage: Blobs = open_storage(settings.blobs_url, s3_endpoint_url=settings.s3_endpoint_url)
        self._dispatch: Queue = dispatch or Dispatch(settings)
        self._leases = Leases(
            self._database,
            lease_seconds=settings.job_lease_seconds,
            retry_seconds=settings.job_retry_seconds,
            expiry_seconds=expiry_seconds,
        )
        reaper = Reaper(
            self._database,
            expiry_seconds=expiry_seconds,
            history_seconds=settings.job_history_days * 86_400,
        )
        versions = VersionRows(self._database)
        self._reaper = ReaperThread(
            reaper, versions, self._dispatch, self._storage, settings.job_sweep_seconds, tuple(tasks)
        )
        self._webhooks = webhook_thread(settings, self._database)
        self._faults = 0
        self._presence = Presence(self._database, self.name, tuple(tasks), lambda: self.faults)
        self._stopping = threading.Event()

    @property
    def faults(self) -> int:
        """Errors of ours that its threads have survived."""
        return self._faults + self._reaper.faults + (self._webhooks.faults if self._webhooks else 0)

    def stop(self) -> None:
        """Hand the running job over at its next checkpoint, and return from `run`. Safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Raises SchemaOutdated or LedgerUnavailable if it cannot start."""
        with closing(self._database), closing(self._dispatch):
            prepare(self._database)
            self._reaper.start()
            self._presence.start()
            if self._webhooks:
                self._webhooks.start()
            _log.info("worker_ready", worker=self.name, kinds=sorted(self._tasks))
            while not self._stopping.is_set():
                self._once()
            if self._webhooks:
                self._webhooks.stop()
            self._presence.stop()
            self._reaper.stop()
        _log.info("worker_stopped", worker=self.name)

    def _once(self) -> None:
        """Wait for a job, and do it if there is one."""
        try:
            if (job := self._next()) is not None:
                self._work(job)
        except LedgerUnavailable as error:
            _log.warning("ledger_unavailable", reason=error.private)
            self._stopping.wait(OUTAGE_SECONDS)
        except Exception:  # noqa: BLE001 - a worker that ends takes its loaded models with it, and comes to the same point
            _log.exception("worker_step_failed")
            self._faults += 1
            self._stopping.wait(OUTAGE_SECONDS)

    def _next(self) -> Job | None:
        """Claim a job: a message tells that one waits, and the ledger whose turn it is; without a queue it is asked."""
        try:
            if self._dispatch.receive() is None:
                return None
        except QueueUnavailable:
            self._stopping.wait(OUTAGE_SECONDS)
        # A message that comes while the worker stops is lost with it, and found by the next sweep.
        return None if self._stopping.is_set() else self._leases.claim_next(self.name, self._tasks)

    def _work(self, job: Job) -> None:
        with tracing.attempt(job.kind, job.id, job.attempt, job.traceparent), told_in_log(job):
            _log.info("job_started")
            try:
                self._attempt(job)
            except LeaseLost:
                _log.warning("late_write_refused")
            except LedgerUnavailable as error:
                # Happens only when the worker stops, else it would have kept trying: the lease expires by itself.
                _log.warning("job_left", reason=error.private)
        # The next job may be a small one, and a worker lives for weeks.
        release_memory()

    def _attempt(self, job: Job) -> None:
        """Raises LeaseLost, LedgerUnavailable."""
        context = JobContext(
            job,
            self._leases,
            self._storage,
            stopping=self._stopping,
            checkpoint_seconds=self._settings.job_checkpoint_seconds,
        )
        with Heartbeat(
            context,
            self._leases,
            every_seconds=self._settings.job_heartbeat_seconds,
            stall_seconds=self._settings.job_stall_seconds,
        ) as heartbeat:
            try:
                self._end(context, heartbeat)
            finally:
                self._faults += heartbeat.faults

    def _end(self, context: JobContext, heartbeat: Heartbeat) -> None:
        """Run the task, and write into the ledger how it ended. Raises LeaseLost, LedgerUnavailable."""
        job = context.job
        try:
            with tracing.span("task"):
                result = self._tasks[job.kind](context)
            key = sealed(attempt_key(job, "result"), result.data)
            self._store(context, key, result.data)
        except JobCancelled:
            ended = self._insist(context, lambda: self._leases.cancelled(job))
        except HandedOver:
            heartbeat.beat()  # with the key of the checkpoint
            ended = self._insist(context, lambda: self._leases.release(job))
            self._dispatch.send(job.id, job.priority)
        except (RequestError, InputLost) as error:
            refusal = error
            ended = self._insist(context, lambda: self._leases.fail(job, refusal))
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a task does, the worker goes on with the next job
            failure = as_failure(error)
            _log.exception("job_attempt_failed", slug=failure.slug, private=failure.private)
            ended = self._insist(context, lambda: self._leases.retry(job, failure))
        else:
            heartbeat.beat()  # with the last losses: a short job ends between two beats
            ended = self._insist(context, lambda: self._leases.finish(job, key, result.media_type, result.facts))
        _log.info("job_ended", status=ended.status)
        if ended.ended:
            discard_leftovers(ended, self._storage)

    def _store(self, context: JobContext, key: str, data: bytes) -> None:
        """Store a finished job's result; wait for an outage of the storage as long as the settings say.

        Raises:
            StorageUnavailable: it lasts longer, so the attempt has failed.
            HandedOver: the worker is to stop; another one goes on from the last checkpoint.
            JobCancelled, LeaseLost: nobody waits for it any more.
        """
        give_up_at = time.monotonic() + self._settings.job_outage_seconds
        while True:
            try:
                return self._storage.put(key, data)
            except StorageUnavailable as error:
                _log.warning("result_not_stored", reason=error.private)
                if self._stopping.is_set():
                    raise HandedOver from error
                if time.monotonic() > give_up_at:
                    raise
                context.waits()
                context.check()
                self._stopping.wait(OUTAGE_SECONDS)

    def _insist(self, context: JobContext, write: Callable[[], T]) -> T:
        """Try until the database is there, since all the work would be in vain; a stopping worker gives up soon."""
        give_up_at = None
        while True:
            try:
                return write()
            except LedgerUnavailable as error:
                _log.warning("ledger_unavailable", reason=error.private)
                if self._stopping.is_set():
                    give_up_at = give_up_at or time.monotonic() + DRAIN_SECONDS
                    if time.monotonic() > give_up_at:
                        raise
                context.waits()
                time.sleep(OUTAGE_SECONDS)


def told_in_log(job: Job) -> AbstractContextManager[None]:
    """Every line within names the attempt and, where it has one, its trace."""
    trace = tracing.trace_id()
    named = {} if trace is None else {"trace_id": trace}
    return structlog.contextvars.bound_contextvars(job=job.id, kind=job.kind, attempt=job.attempt, **named)


def webhook_thread(settings: Settings, database: Database) -> WebhookThread | None:
    """None where the operator allows no webhooks."""
    if not settings.webhook_origins or settings.webhook_key is None:
        return None
    from app.jobs.webhook_thread import WebhookThread  # here, for its HTTP client takes a tenth of a second to import

    return WebhookThread(Webhooks(database), key_of(settings.webhook_key), settings.root_path)


def as_failure(error: Exception) -> PasticheError:
    """The public reason why an attempt failed; another attempt may succeed."""
    if isinstance(error, PasticheError):
        return error
    if is_out_of_memory(error):
        return OutOfMemory("The job does not fit into the free memory: use a smaller `size`.", private=repr(error))
    return PasticheError("The job failed unexpectedly.", private=repr(error))


def run_worker(
    settings: Settings,
    tasks: Mapping[str, Task],
    *,
    until_stdin_closes: bool = False,
    niceness: int = NICENESS,
    queue: Queue | None = None,
) -> None:
    """Work until SIGTERM or SIGINT. Changes the whole process: its signals, its priority, what is collected as garbage.

    Args:
        until_stdin_closes: end with the process that holds the other end of standard input.
        queue: that jobs come by, where it is not the settings'.

    Raises:
        SchemaOutdated, LedgerUnavailable: it cannot even begin.
    """
    worker = Worker(settings, tasks, queue)

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_input, args=(worker,), name="parent", daemon=True).start()
    os.nice(niceness)
    spare_collector()
    worker.run()


def _stop_at_end_of_input(worker: Worker) -> None:
    # Not through sys.stdin: its lock, held by a thread that waits, would end the interpreter with a fatal error.
    while os.read(sys.stdin.fileno(), 1):
        pass
    worker.stop()
