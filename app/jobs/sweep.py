"""What every worker looks for again and again: silent workers, lost messages, results past their time.

All of it is safe to do in several workers at once.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import case, delete, func, select, update

from app.errors import WorkerLost
from app.jobs.events import apply
from app.jobs.job import ENDED, EventKind, Job, Status
from app.jobs.leases import waiting_again
from app.sql.database import Database
from app.sql.schema import job_events, jobs, now_ms

LOST = WorkerLost("The job ended or hung its worker every time it was tried.")
# Jobs handled in one transaction, so that no sweep holds the others up for long.
AT_ONCE = 100


class Sweep:
    """Every method raises LedgerUnavailable when the database cannot be reached.

    Args:
        expiry_seconds: from a job's end to the deletion of its blobs.
        history_seconds: from then to the deletion of its row.
    """

    def __init__(self, database: Database, *, expiry_seconds: float, history_seconds: float) -> None:
        self._database = database
        self._expiry_ms = int(expiry_seconds * 1000)
        self._history_ms = int(history_seconds * 1000)

    def take_back(self) -> list[Job]:
        """Jobs of workers that went silent: queued again, cancelled if that was asked for, or failed at last."""
        silent = select(jobs.c.id).where(jobs.c.status == Status.RUNNING, jobs.c.lease_until < now_ms()).limit(AT_ONCE)
        # The conditions again: another sweep, or a late heartbeat, may have come between.
        still = update(jobs).where(
            jobs.c.id.in_(silent), jobs.c.status == Status.RUNNING, jobs.c.lease_until < now_ms()
        )
        last = (jobs.c.attempt >= jobs.c.max_attempts) & ~jobs.c.cancel_requested
        again = waiting_again(self._expiry_ms)
        values = again | {
            "status": case((last, Status.FAILED), else_=again["status"]),
            "finished_at": case((last, now_ms()), else_=again["finished_at"]),
            "expires_at": case((last, now_ms() + self._expiry_ms), else_=again["expires_at"]),
            "error_slug": case((last, LOST.slug)),
            "error_detail": case((last, LOST.detail)),
        }
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
        ready = (jobs.c.status == Status.QUEUED) & (jobs.c.available_at <= now_ms())
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
        """Delete the rows of jobs that ended long ago. How many."""
        old = select(jobs.c.id).where(jobs.c.blobs_deleted, jobs.c.expires_at < now_ms() - self._history_ms)
        with self._database.write() as connection:
            return connection.execute(delete(jobs).where(jobs.c.id.in_(old.limit(AT_ONCE)))).rowcount
