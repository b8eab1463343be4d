"""The ledger as its workers see it: a job is claimed, and every later write must still hold the lease.

Each of claim, heartbeat, finish, fail, retry and release is one conditional UPDATE. What a worker writes after another
one has taken the job over matches no row: nothing is changed, and the worker is told by LeaseLost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, String, Update, case, cast, false, func, literal, select, text, true, update

from app.errors import PasticheError
from app.jobs.events import apply
from app.jobs.job import EventKind, Job, JobProgress, JobStatus
from app.jobs.sharing import line, served
from app.sql.database import Database
from app.sql.schema import jobs, now_ms

# Any number: it names the lock under which jobs are chosen.
CLAIM_LOCK = 0x70617376
# However far each attempt comes: a job that needs more will never end.
MAX_BEGINNINGS = 100
# Pauses grow so often.
MAX_PAUSES = 6


class LeaseLost(Exception):
    """The job no longer belongs to this worker: it was taken over, ended, or deleted."""


class Leases:
    """The worker's side. Every method raises LedgerUnavailable when the database cannot be reached.

    Args:
        lease_seconds: how long a job stays with a silent worker.
        retry_seconds: pause before the second attempt of a failure that could pass; the next ones are 4 times as long.
        expiry_seconds: from a job's end to the deletion of its blobs.
    """

    def __init__(
        self, database: Database, *, lease_seconds: float, retry_seconds: float, expiry_seconds: float
    ) -> None:
        self._database = database
        self._lease_ms = int(lease_seconds * 1000)
        self._retry_ms = int(retry_seconds * 1000)
        self._expiry_ms = int(expiry_seconds * 1000)

    def claim(self, job_id: str, owner: str, kinds: Collection[str] | None = None) -> Job | None:
        """The job, now this owner's and running; None if it does not wait, or not yet: a message was old or doubled.

        Args:
            kinds: that the owner can do; None: all.
        """
        with self._database.write() as connection:
            return self._claim(connection, job_id, owner, kinds)

    def claim_next(self, owner: str, kinds: Collection[str] | None = None) -> Job | None:
        """The job whose turn it is, now this owner's and running; None if none waits.

        Args:
            kinds: that the owner can do; None: all.
        """
        mine = true() if kinds is None else jobs.c.kind.in_(kinds)
        queue = line(jobs.c.available_at <= now_ms(), mine)
        with self._database.write() as connection:
            if not self._database.embedded:  # SQLite has one writer at a time anyway
                # Two that look at the same moment would count the same jobs as running.
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CLAIM_LOCK})
            job_id = connection.scalar(select(queue.c.id).where(queue.c.place == 1))
            return None if job_id is None else self._claim(connection, job_id, owner, kinds)

    def _claim(self, connection: Connection, job_id: str, owner: str, kinds: Collection[str] | None) -> Job | None:
        values = {
            "status": JobStatus.RUNNING,
            "owner": owner,
            "attempt": jobs.c.attempt + 1,
            "lease_until": now_ms() + self._lease_ms,
            "started_at": case((jobs.c.started_at.is_(None), now_ms()), else_=jobs.c.started_at),
        }
        statement = update(jobs).where(
            jobs.c.id == job_id, jobs.c.status == JobStatus.QUEUED, jobs.c.available_at <= now_ms()
        )
        if kinds is not None:
            statement = statement.where(jobs.c.kind.in_(kinds))
        claimed = apply(connection, statement, values, EventKind.STATUS)
        if not claimed:
            return None
        served(connection, claimed[0].principal)
        return claimed[0]

    def renew(self, job: Job) -> Job:
        """A heartbeat without progress. Raises LeaseLost."""
        held = self._held(job).values(lease_until=now_ms() + self._lease_ms).returning(jobs)
        with self._database.write() as connection:
            row = connection.execute(held).mappings().one_or_none()
        if row is None:
            raise lost(job)
        return Job.from_row(dict(row))

    def heartbeat(self, job: Job, progress: JobProgress) -> Job:
        """Renew the lease and tell the progress; `cancel_requested` of the answer is the way back.

        An expired lease that nobody has swept yet is renewed: the job is still nobody else's.

        Raises:
            LeaseLost: stop; whatever this attempt still writes is not wanted.
        """
        values: dict[str, Any] = {
            "lease_until": now_ms() + self._lease_ms,
            "progress": progress.fraction,
            "eta_seconds": progress.eta_seconds,
            "seconds_per_iteration": progress.seconds_per_iteration,
            "losses": [dict(point) for point in progress.losses],
            "facts": dict(progress.facts),
        }
        # None: the keys of an earlier attempt stay good.
        keys = {"preview_key": progress.preview_key, "checkpoint_key": progress.checkpoint_key}
        values |= {name: key for name, key in keys.items() if key is not None}
        return self._write(job, values, EventKind.PROGRESS)

    def preview(self, job: Job, key: str) -> Job:
        """Publish another preview. Raises LeaseLost."""
        return self._write(job, {"preview_key": key}, EventKind.PREVIEW)

    def finish(self, job: Job, result_key: str, media_type: str, facts: Mapping[str, Any]) -> Job:
        """Publish the result. Safe to repeat if the answer was lost. Raises LeaseLost."""
        values = {
            "progress": 1.0,
            "eta_seconds": 0.0,
            "result_key": result_key,
            "media_type": media_type,
            "facts": dict(facts),
        }
        try:
            return self._write(job, ended(JobStatus.DONE, self._expiry_ms) | values, EventKind.STATUS)
        except LeaseLost:
            with self._database.read() as connection:
                same = select(jobs).where(jobs.c.id == job.id, jobs.c.result_key == result_key)
                row = connection.execute(same).mappings().one_or_none()
            if row is None:
                raise
            return Job.from_row(dict(row))

    def fail(self, job: Job, error: PasticheError) -> Job:
        """Fail the job for a reason that another attempt would not change. Raises LeaseLost."""
        values = ended(JobStatus.FAILED, self._expiry_ms) | {"error_slug": error.slug, "error_detail": error.detail}
        return self._write(job, values, EventKind.STATUS)

    def cancelled(self, job: Job) -> Job:
        """End the job as cancelled. Raises LeaseLost."""
        return self._write(job, ended(JobStatus.CANCELLED, self._expiry_ms), EventKind.STATUS)

    def retry(self, job: Job, error: PasticheError) -> Job:
        """Queue the job again after a pause, or fail it after the last attempt. Raises LeaseLost."""
        pause_ms = self._retry_ms * 4 ** min(job.fruitless, MAX_PAUSES)
        values = waiting_or_failed(self._expiry_ms, error)
        return self._write(job, values | {"available_at": now_ms() + pause_ms}, EventKind.STATUS)

    def release(self, job: Job) -> Job:
        """Queue the job again at once, without counting this attempt. Raises LeaseLost."""
        return self._write(job, waiting_again(self._expiry_ms) | {"attempt": jobs.c.attempt - 1}, EventKind.STATUS)

    def _write(self, job: Job, values: dict[str, Any], kind: EventKind) -> Job:
        with self._database.write() as connection:
            written = apply(connection, self._held(job), values, kind)
        if not written:
            raise lost(job)
        return written[0]

    def _held(self, job: Job) -> Update:
        return update(jobs).where(
            jobs.c.id == job.id,
            jobs.c.owner == job.owner,
            jobs.c.attempt == job.attempt,
            jobs.c.status == JobStatus.RUNNING,
        )


def lost(job: Job) -> LeaseLost:
    return LeaseLost(f"{job.owner} does not hold attempt {job.attempt} of {job.id} any more")


def ended(status: JobStatus, expiry_ms: int) -> dict[str, Any]:
    """What an UPDATE sets when a job ends."""
    return {
        "status": status,
        "lease_until": None,
        "eta_seconds": None,
        "finished_at": now_ms(),
        "expires_at": now_ms() + expiry_ms,
    }


def waiting_again(expiry_ms: int) -> dict[str, Any]:
    """What an UPDATE sets when a job goes back, at the end of the queue; one that is to be cancelled ends instead."""
    unwanted = jobs.c.cancel_requested
    return {
        "status": case((unwanted, JobStatus.CANCELLED), else_=JobStatus.QUEUED),
        "lease_until": None,
        "eta_seconds": None,
        "finished_at": case((unwanted, now_ms())),
        "expires_at": case((unwanted, now_ms() + expiry_ms)),
        "queued_at": now_ms(),
        "available_at": now_ms(),
        "dispatched_at": now_ms(),
    }


def waiting_or_failed(expiry_ms: int, error: PasticheError) -> dict[str, Any]:
    """What an UPDATE sets when an attempt has failed or its worker is gone: the job waits again, or fails with `error`.

    An attempt that stored a checkpoint came further than the one before it, and is not counted: a training of a day may
    lose its worker as often as it likes. A job that gets nowhere `max_attempts` times fails.
    """
    here = literal("jobs/") + jobs.c.id + "/attempts/" + cast(jobs.c.attempt, String) + "-%"
    advanced = func.coalesce(jobs.c.checkpoint_key.like(here), false())
    fruitless = jobs.c.fruitless + case((advanced, 0), else_=1)
    last = (fruitless >= jobs.c.max_attempts) | (jobs.c.attempt >= MAX_BEGINNINGS)
    failed = last & ~jobs.c.cancel_requested
    again = waiting_again(expiry_ms)
    return again | {
        "fruitless": fruitless,
        "status": case((failed, JobStatus.FAILED), else_=again["status"]),
        "finished_at": case((failed, now_ms()), else_=again["finished_at"]),
        "expires_at": case((failed, now_ms() + expiry_ms), else_=again["expires_at"]),
        "error_slug": case((failed, error.slug)),
        "error_detail": case((failed, error.detail)),
    }
