"""The queue in figures, for monitoring."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Function, case, func, select

from app.jobs.job import JobStatus
from app.sql.database import Database
from app.sql.schema import jobs, now_ms


@dataclass(frozen=True)
class KindStatistics:
    """Of one kind of jobs, over the rows that the ledger still has.

    Attributes:
        waiting: how many are queued.
        oldest_waiting_seconds: how long the one that waits longest has; 0 where none waits.
        attempts: tries of all jobs together, those that were handed over not counted.
        seconds_per_iteration: mean over the running ones, None where none has told.
        failures: failed jobs by the slug of their error.
    """

    kind: str
    waiting: int
    oldest_waiting_seconds: float
    running: int
    done: int
    cancelled: int
    attempts: int
    seconds_per_iteration: float | None
    failures: dict[str, int]


def measure(database: Database) -> list[KindStatistics]:
    """For every kind that has jobs, by name. Raises LedgerUnavailable."""
    queued, running = jobs.c.status == JobStatus.QUEUED, jobs.c.status == JobStatus.RUNNING
    age_ms = now_ms() - func.min(case((queued, jobs.c.queued_at)))
    figures = (
        select(
            jobs.c.kind,
            _count(JobStatus.QUEUED).label("waiting"),
            func.coalesce(age_ms / 1000.0, 0.0).label("oldest_waiting_seconds"),
            _count(JobStatus.RUNNING).label("running"),
            _count(JobStatus.DONE).label("done"),
            _count(JobStatus.CANCELLED).label("cancelled"),
            func.sum(jobs.c.attempt).label("attempts"),
            func.avg(case((running, jobs.c.seconds_per_iteration))).label("seconds_per_iteration"),
        )
        .group_by(jobs.c.kind)
        .order_by(jobs.c.kind)
    )
    failed = (
        select(jobs.c.kind, jobs.c.error_slug, func.count())
        .where(jobs.c.status == JobStatus.FAILED)
        .group_by(jobs.c.kind, jobs.c.error_slug)
    )
    failures: dict[str, dict[str, int]] = {}
    with database.read() as connection:
        for kind, slug, number in connection.execute(failed):
            failures.setdefault(kind, {})[slug] = number
        rows = connection.execute(figures).mappings().all()
    return [KindStatistics(**row, failures=failures.get(row["kind"], {})) for row in rows]


def _count(status: JobStatus) -> Function[int]:
    return func.count(case((jobs.c.status == status, 1)))
