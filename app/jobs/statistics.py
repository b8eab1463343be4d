"""The queue in figures, for monitoring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import case, func, select

from app.jobs.job import JobStatus
from app.jobs.presence import alive
from app.sql.database import Database
from app.sql.schema import job_tallies, jobs, now_ms


@dataclass(frozen=True)
class KindStatistics:
    """Of one kind of jobs.

    Attributes:
        waiting: how many are queued.
        oldest_waiting_seconds: age of the oldest queued job; 0 without any.
        done, cancelled: how many there have been, ever.
        attempts: tries of all jobs together, those that were handed over not counted.
        seconds_per_iteration: mean over the running ones, None where none has told.
        failures: failed jobs by the slug of their error.
    """

    kind: str
    waiting: int = 0
    oldest_waiting_seconds: float = 0.0
    running: int = 0
    done: int = 0
    cancelled: int = 0
    attempts: int = 0
    seconds_per_iteration: float | None = None
    failures: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Statistics:
    """The ledger in figures.

    Attributes:
        kinds: that have had jobs, by name.
        workers: how many live, by the kind of jobs that they do.
        worker_faults: that the threads of these workers have survived.
    """

    kinds: list[KindStatistics]
    workers: dict[str, int]
    worker_faults: int


def measure(database: Database) -> Statistics:
    """Queries open jobs only: ended ones were counted when they ended. Raises LedgerUnavailable."""
    ended, failures = _ended(database)
    opened = _open(database)
    workers, faults = alive(database)
    kinds = []
    for kind in sorted({*opened, *ended}):
        of_both = {"attempts": opened.get(kind, {}).get("attempts", 0) + ended.get(kind, {}).get("attempts", 0)}
        known = opened.get(kind, {}) | ended.get(kind, {}) | of_both
        kinds.append(KindStatistics(kind, **known, failures=failures.get(kind, {})))
    return Statistics(kinds, workers, faults)


def _open(database: Database) -> dict[str, dict[str, Any]]:
    """Figures of the jobs that wait and run, by kind."""
    queued, running = jobs.c.status == JobStatus.QUEUED, jobs.c.status == JobStatus.RUNNING
    age_ms = now_ms() - func.min(case((queued, jobs.c.queued_at)))
    figures = (
        select(
            jobs.c.kind,
            func.count(case((queued, 1))).label("waiting"),
            func.coalesce(age_ms / 1000.0, 0.0).label("oldest_waiting_seconds"),
            func.count(case((running, 1))).label("running"),
            func.sum(jobs.c.attempt).label("attempts"),
            func.avg(case((running, jobs.c.seconds_per_iteration))).label("seconds_per_iteration"),
        )
        .where(jobs.c.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)))
        .group_by(jobs.c.kind)
    )
    with database.read() as connection:
        rows = [dict(row) for row in connection.execute(figures).mappings()]
    return {row.pop("kind"): row for row in rows}


def _ended(database: Database) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Figures of the jobs that ever ended, and the failed ones by the slug of their error, both by kind."""
    figures: dict[str, dict[str, int]] = {}
    failures: dict[str, dict[str, int]] = {}
    with database.read() as connection:
        for row in connection.execute(select(job_tallies)):
            of_kind = figures.setdefault(row.kind, {"attempts": 0})
            of_kind["attempts"] += row.attempts
            if row.status == JobStatus.FAILED:
                failures.setdefault(row.kind, {})[row.slug] = row.number
            else:
                of_kind[row.status] = of_kind.get(row.status, 0) + row.number
    return figures, failures
