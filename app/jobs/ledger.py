"""The ledger as its clients see it: jobs are created, read, listed, followed, cancelled and deleted here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    select,
    text,
    true,
    update,
)

from app.errors import IdempotencyConflict, TooManyJobs
from app.jobs.events import apply, record
from app.jobs.job import ENDED, Event, EventKind, Job, JobStatus, NewJob
from app.jobs.sharing import line
from app.sql.database import Database
from app.sql.schema import job_events, jobs, now_ms, webhooks

# Any number: it names the lock under which jobs are counted and created.
CREATE_LOCK = 0x70617374
# Jobs take seconds to a minute, so places become free about as often.
QUOTA_RETRY_SECONDS = 10
EVENTS_AT_ONCE = 500


@dataclass(frozen=True)
class Quota:
    """How many jobs may be queued: in all, and of one principal."""

    waiting: int
    waiting_each: int


@dataclass(frozen=True)
class News:
    """The next events of a job, and whether there are no further ones: it has ended, expired, or been deleted."""

    events: tuple[Event, ...]
    over: bool


class Ledger:
    """The client's side. Every method raises LedgerUnavailable when the database cannot be reached.

    Args:
        expiry_seconds: from a job's end to the deletion of its blobs.
    """

    def __init__(self, database: Database, *, expiry_seconds: float) -> None:
        self._database = database
        self._expiry_ms = int(expiry_seconds * 1000)

    def create(self, new: NewJob, quota: Quota) -> tuple[Job, bool]:
        """The job, and whether it is new: the same idempotency key and body give the job that is there.

        Raises:
            IdempotencyConflict: the principal used the key before, with another body.
            TooManyJobs: a quota is used up.
        """
        with self._database.write() as connection:
            if not self._database.embedded:  # SQLite has one writer at a time anyway
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CREATE_LOCK})
            if existing := _repeated(connection, new):
                return existing, False
            _check_quota(connection, new.principal, quota)
            return _insert(connection, new), True

    def check_quota(self, principal: str, quota: Quota) -> None:
        """Raises TooManyJobs; to be asked before an upload is read. `create` asks again."""
        with self._database.read() as connection:
            _check_quota(connection, principal, quota)

    def get(self, job_id: str) -> Job | None:
        with self._database.read() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().one_or_none()
            return Job.from_row(dict(row)) if row else None

    def page(
        self,
        *,
        principal: str | None = None,
        status: JobStatus | None = None,
        kind: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """Jobs, newest first. `before` is the cursor: the id of the last job of the page before."""
        wanted = _wanted(principal, status, kind, before)
        with self._database.read() as connection:
            rows = connection.execute(select(jobs).where(*wanted).order_by(jobs.c.id.desc()).limit(limit))
            return [Job.from_row(dict(row)) for row in rows.mappings()]

    def listing(
        self, *, principal: str | None, status: JobStatus | None, before: str | None, limit: int
    ) -> list[tuple[Job, int | None]]:
        """`page` with the place of each job in the queue, by one query."""
        queue = line()
        wanted = _wanted(principal, status, None, before)
        query = select(jobs, queue.c.place).outerjoin(queue, queue.c.id == jobs.c.id).where(*wanted)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(jobs.c.id.desc()).limit(limit)).mappings()
            found = [dict(row) for row in rows]
        places = [row.pop("place") for row in found]
        return list(zip(map(Job.from_row, found), places, strict=True))

    def queue_positions(self, waiting: Sequence[str]) -> dict[str, int]:
        """Place of each of these jobs in the queue by its id, from 1; jobs that do not wait are left out."""
        queue = line()
        with self._database.read() as connection:
            rows = connection.execute(select(queue).where(queue.c.id.in_(waiting)))
            return {row.id: row.place for row in rows}

    def waiting(self, limit: int, kinds: Collection[str] | None = None) -> list[Job]:
        """Jobs (of these kinds) that may be claimed now, in the order in which they should be."""
        mine = true() if kinds is None else jobs.c.kind.in_(kinds)
        queue = line(jobs.c.available_at <= now_ms(), mine)
        query = select(jobs).join(queue, queue.c.id == jobs.c.id).order_by(queue.c.place).limit(limit)
        with self._database.read() as connection:
            return [Job.from_row(dict(row)) for row in connection.execute(query).mappings()]

    def events(self, job_id: str, after: int = 0, limit: int = EVENTS_AT_ONCE) -> list[Event]:
        """What happened after event number `after`, in order. They are deleted with the job's blobs."""
        with self._database.read() as connection:
            return list(_events(connection, job_id, after, limit))

    def news(self, seen: Mapping[str, int]) -> dict[str, News]:
        """What happened to several jobs since, for those to which something did.

        Args:
            seen: job id -> number of the last event that is known.
        """
        with self._database.read() as connection:
            rows = connection.execute(select(jobs.c.id, jobs.c.status, jobs.c.events).where(jobs.c.id.in_(seen)))
            found = {row.id: row for row in rows}
            news: dict[str, News] = {}
            for job_id, after in seen.items():
                row = found.get(job_id)
                if row is None:
                    news[job_id] = News((), over=True)
                elif row.events > after:
                    # None that came after the row was read, which would tell nobody that the job is over.
                    events = _events(connection, job_id, after, min(EVENTS_AT_ONCE, row.events - after))
                    told = after + len(events) >= row.events
                    # Without its events although it has some, it expired meanwhile.
                    news[job_id] = News(events, over=row.status in ENDED and (told or not events))
            return news

    def cancel(self, job_id: str) -> Job | None:
        """Cancel a job: at once while it waits, with its worker's next heartbeat while it runs.

        Returns:
            The job as it is now; None when there is none. One that has ended stays as it is.
        """
        open_job = update(jobs).where(jobs.c.id == job_id, jobs.c.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)))
        waits = jobs.c.status == JobStatus.QUEUED
        values = {
            "cancel_requested": True,
            "status": case((waits, JobStatus.CANCELLED), else_=jobs.c.status),
            "finished_at": case((waits, now_ms())),
            "expires_at": case((waits, now_ms() + self._expiry_ms)),
        }
        with self._database.write() as connection:
            cancelled = apply(connection, open_job, values, EventKind.STATUS)
            if cancelled:
                return cancelled[0]
            row = connection.execute(select(jobs).where(jobs.c.id == job_id)).mappings().one_or_none()
            return Job.from_row(dict(row)) if row else None

    def delete(self, job_id: str) -> bool:
        """Delete a job that has ended, with its events; False if it has not. The caller deletes its blobs before."""
        with self._database.write() as connection:
            gone = connection.execute(
                delete(jobs).where(jobs.c.id == job_id, jobs.c.status.in_(ENDED)).returning(jobs.c.id)
            )
            return gone.one_or_none() is not None


def _wanted(
    principal: str | None, status: JobStatus | None, kind: str | None, before: str | None
) -> list[ColumnElement[bool]]:
    given = {"principal": principal, "status": status, "kind": kind}
    conditions = [jobs.c[name] == value for name, value in given.items() if value is not None]
    return conditions if before is None else [*conditions, jobs.c.id < before]


def _events(connection: Connection, job_id: str, after: int, limit: int) -> tuple[Event, ...]:
    query = (
        select(job_events)
        .where(job_events.c.job == job_id, job_events.c.seq > after)
        .order_by(job_events.c.seq)
        .limit(limit)
    )
    found = connection.execute(query).mappings()
    return tuple(Event(**{**row, "kind": EventKind(row["kind"])}) for row in found)


def _repeated(connection: Connection, new: NewJob) -> Job | None:
    if new.idempotency_key is None:
        return None
    same = and_(jobs.c.principal == new.principal, jobs.c.idempotency_key == new.idempotency_key)
    row = connection.execute(select(jobs).where(same)).mappings().one_or_none()
    if row is None:
        return None
    if row["body_hash"] != new.body_hash:
        raise IdempotencyConflict("This Idempotency-Key was used before, with another request.")
    return Job.from_row(dict(row))


def _check_quota(connection: Connection, principal: str, quota: Quota) -> None:
    mine = func.coalesce(func.sum(cast(jobs.c.principal == principal, Integer)), 0)
    waiting, own = connection.execute(select(func.count(), mine).where(jobs.c.status == JobStatus.QUEUED)).one()
    if own >= quota.waiting_each:
        raise TooManyJobs(f"You have reached your limit of {own} queued jobs.", retry_after_seconds=QUOTA_RETRY_SECONDS)
    if waiting >= quota.waiting:
        raise TooManyJobs(
            f"The service has reached its limit of {waiting} queued jobs.", retry_after_seconds=QUOTA_RETRY_SECONDS
        )


def _insert(connection: Connection, new: NewJob) -> Job:
    values = {
        **{name: value for name, value in vars(new).items() if name in jobs.c},
        "params": dict(new.params),
        "inputs": dict(new.inputs),
        "fruitless": 0,
        "status": JobStatus.QUEUED,
        "attempt": 0,
        "cancel_requested": False,
        "progress": 0.0,
        "losses": [],
        "facts": {},
        "events": 1,
        "blobs_deleted": False,
        **dict.fromkeys(("created_at", "queued_at", "available_at", "dispatched_at"), now_ms()),
    }
    row = connection.execute(insert(jobs).values(values).returning(jobs)).mappings().one()
    job = Job.from_row(dict(row))
    record(connection, job, EventKind.STATUS)
    if new.webhook_url is not None:
        report = {"job": job.id, "url": new.webhook_url, "attempts": 0, "due_at": now_ms()}
        connection.execute(insert(webhooks).values(report))
    return job
