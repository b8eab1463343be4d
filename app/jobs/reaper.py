"""Periodic clean-up in every worker: jobs of silent workers, lost messages, expired results and style images.

All of it is safe in several workers at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection

import structlog
from sqlalchemy import delete, func, select, update

from app.errors import LedgerUnavailable, StorageUnavailable, WorkerLost
from app.jobs.dispatch import Queue, QueueUnavailable
from app.jobs.events import apply
from app.jobs.job import ENDED, JOB_ID, EventKind, Job, JobStatus, job_prefix
from app.jobs.leases import waiting_or_failed
from app.jobs.leftovers import discard_leftovers
from app.model_store.reservations import forget_abandoned
from app.model_store.style_images import StyleImages
from app.model_store.version_rows import VersionRows
from app.sql.database import Database
from app.sql.schema import job_events, jobs, now_ms
from app.storage.blobs import Blobs

LOST = WorkerLost("The job ended or hung its worker every time it was tried.")
# Jobs handled in one transaction, so that no sweep holds the others up for long.
AT_ONCE = 100
# A message that was sent may take so long to be received.
MESSAGE_GRACE_SECONDS = 2
# Nobody waits for a deletion.
CLEAN_SECONDS = 60
STOP_SECONDS = 2
# Listing a large bucket is expensive, and what it finds costs only space.
TIDY_SECONDS = 3600
# No upload lasts so long, nor does the writing of a row.
ABANDONED_SECONDS = 86_400

_log = structlog.get_logger(__name__)


class Reaper:
    """Every method raises LedgerUnavailable when the database cannot be reached.

    Args:
        expiry_seconds: from a job's end to the deletion of its blobs.
        history_seconds: from then to the deletion of its row.
    """

    def __init__(self, database: Database, *, expiry_seconds: float, history_seconds: float) -> None:
        self._database = database
        self._style_images = StyleImages(database)
        self._expiry_ms = int(expiry_seconds * 1000)
        self._history_ms = int(history_seconds * 1000)

    def take_back(self) -> list[Job]:
        """Jobs of workers that went silent: queued again, cancelled if that was asked for, or failed at last."""
        silent = (
            select(jobs.c.id).where(jobs.c.status == JobStatus.RUNNING, jobs.c.lease_until < now_ms()).limit(AT_ONCE)
        )
        # The conditions again: another sweep, or a late heartbeat, may have come between.
        still = update(jobs).where(
            jobs.c.id.in_(silent), jobs.c.status == JobStatus.RUNNING, jobs.c.lease_until < now_ms()
        )
        values = waiting_or_failed(self._expiry_ms, LOST)
        with self._database.write() as connection:
            return apply(connection, still, values, EventKind.STATUS)

    def undispatched(self, messages: int, grace_seconds: float, kinds: Collection[str] | None = None) -> list[Job]:
        """Waiting jobs whose message may be lost, marked as dispatched now; the caller sends one for each.

        None while the queue holds a message for every job that waits: its order is better than ours, and messages
        would pile up.

        Args:
            messages: that are in the queue now.
            grace_seconds: a message may be on its way for so long.
            kinds: that the queue is for; None: all.
        """
        ready = (jobs.c.status == JobStatus.QUEUED) & (jobs.c.available_at <= now_ms())
        if kinds is not None:
            ready &= jobs.c.kind.in_(kinds)
        with self._database.read() as connection:
            waiting = connection.scalar(select(func.count()).where(ready)) or 0
        if waiting <= messages:
            return []
        late = ready & (jobs.c.dispatched_at < now_ms() - int(grace_seconds * 1000))
        found = select(jobs.c.id).where(late).order_by(jobs.c.priority.desc(), jobs.c.queued_at).limit(AT_ONCE)
        marked = update(jobs).where(jobs.c.id.in_(found), late).values(dispatched_at=now_ms()).returning(jobs)
        with self._database.write() as connection:
            return [Job.from_row(dict(row)) for row in connection.execute(marked).mappings()]

    def expired(self) -> list[str]:
        """Ids of jobs whose blobs are to be deleted; `forget_blobs` when they are."""
        past = jobs.c.status.in_(ENDED) & (jobs.c.expires_at < now_ms()) & ~jobs.c.blobs_deleted
        with self._database.read() as connection:
            return list(connection.scalars(select(jobs.c.id).where(past).limit(AT_ONCE)))

    def forget_blobs(self, job_id: str) -> None:
        """The job has no result any more, nor events; it is kept for its history."""
        with self._database.write() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(blobs_deleted=True))
            connection.execute(delete(job_events).where(job_events.c.job == job_id))

    def forget_history(self) -> int:
        """Delete the rows of jobs that ended long ago. Returns how many."""
        old = select(jobs.c.id).where(jobs.c.blobs_deleted, jobs.c.expires_at < now_ms() - self._history_ms)
        with self._database.write() as connection:
            return connection.execute(delete(jobs).where(jobs.c.id.in_(old.limit(AT_ONCE)))).rowcount

    def forget_style_images(self) -> int:
        """Delete style images that have expired. Returns how many."""
        return self._style_images.forget_expired()

    def ownerless(self, job_ids: Collection[str]) -> list[str]:
        """Those of the ids that have no row."""
        known: set[str] = set()
        listed = list(job_ids)
        with self._database.read() as connection:
            for start in range(0, len(listed), AT_ONCE):
                some = listed[start : start + AT_ONCE]
                known.update(connection.scalars(select(jobs.c.id).where(jobs.c.id.in_(some))))
        return [job_id for job_id in listed if job_id not in known]


class ReaperThread:
    """Runs until `stop`; an outage of anything it needs makes it try again.

    Args:
        kinds: of jobs whose messages come by this queue; None: all.
    """

    def __init__(
        self,
        reaper: Reaper,
        versions: VersionRows,
        dispatch: Queue,
        storage: Blobs,
        every_seconds: float,
        kinds: Collection[str] | None = None,
    ) -> None:
        self._reaper = reaper
        self._versions = versions
        self._kinds = kinds
        self._dispatch = dispatch
        self._storage = storage
        self._every_seconds = every_seconds
        self.faults = 0
        self._cleaned_at = self._tidied_at = -float("inf")
        self._over = threading.Event()
        self._reachable = True
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when the sweep that is under way has ended, or hangs in an outage."""
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._over.wait(self._every_seconds):
            try:
                self.once()
            except LedgerUnavailable as error:
                if self._reachable:
                    _log.warning("sweep_failed", reason=error.private)
                self._reachable = False
            except Exception:  # noqa: BLE001 - a worker that does not sweep any more would look healthy all the same
                _log.exception("sweep_failed")
                self.faults += 1
            else:
                self._reachable = True

    def once(self) -> None:
        """One sweep. Raises LedgerUnavailable."""
        for job in self._reaper.take_back():
            _log.warning("job_taken_back", job=job.id, attempt=job.attempt, owner=job.owner, status=job.status)
            if job.status is JobStatus.QUEUED:
                self._dispatch.send(job.id, job.priority)
            else:
                discard_leftovers(job, self._storage)
        self._send_again()
        if time.monotonic() - self._cleaned_at >= CLEAN_SECONDS:
            self._cleaned_at = time.monotonic()
            self.clean()

    def _send_again(self) -> None:
        try:
            messages = self._dispatch.messages()
        except QueueUnavailable:
            return
        for job in self._reaper.undispatched(messages, MESSAGE_GRACE_SECONDS, self._kinds):
            self._dispatch.send(job.id, job.priority)

    def clean(self) -> None:
        """Delete expired blobs and style images, old rows, and what unfinished publications left.

        Raises:
            LedgerUnavailable.
        """
        for job_id in self._reaper.expired():
            try:
                self._storage.delete_prefix(job_prefix(job_id))
            except StorageUnavailable as error:
                _log.warning("blobs_not_deleted", job=job_id, reason=error.private)
                return
            self._reaper.forget_blobs(job_id)
        self._reaper.forget_history()
        self._reaper.forget_style_images()
        if time.monotonic() - self._tidied_at >= TIDY_SECONDS:
            self._tidied_at = time.monotonic()
            self.tidy()
        try:
            for label in forget_abandoned(self._versions, self._storage):
                _log.info("reservation_forgotten", model=label)
        except StorageUnavailable as error:
            _log.warning("blobs_not_deleted", reason=error.private)

    def tidy(self) -> None:
        """Delete what no row refers to: inputs of jobs that were never created, and files that were never complete.

        Raises:
            LedgerUnavailable.
        """
        try:
            self._storage.discard_unfinished(ABANDONED_SECONDS)
            found = self._storage.folders("jobs/")
            old = [name for name in found if JOB_ID.fullmatch(name) and age_of(name) > ABANDONED_SECONDS]
            for job_id in self._reaper.ownerless(old):
                self._storage.delete_prefix(job_prefix(job_id))
                _log.info("blobs_without_job_deleted", job=job_id)
        except StorageUnavailable as error:
            _log.warning("blobs_not_deleted", reason=error.private)


def age_of(job_id: str) -> float:
    """Seconds since the id was made, which is in it."""
    return time.time() - int(job_id.replace("-", "")[:12], 16) / 1000
