"""Events of a job: every change of its row takes the next number, so the row's lock puts them in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Update, insert
from sqlalchemy.dialects import postgresql, sqlite

from app.jobs.job import EventKind, Job
from app.sql.schema import job_events, job_tallies, jobs, now_ms


def apply(connection: Connection, statement: Update, values: Mapping[str, Any], kind: EventKind) -> list[Job]:
    """Run a conditional UPDATE of jobs and record its events. Returns the changed jobs."""
    changing = statement.values({**values, "events": jobs.c.events + 1}).returning(jobs)
    changed = [Job.from_row(dict(row)) for row in connection.execute(changing).mappings()]
    for job in changed:
        record(connection, job, kind)
        if kind is EventKind.STATUS and job.ended:
            _tally(connection, job)
    return changed


def _tally(connection: Connection, job: Job) -> None:
    """Count a job that has just ended."""
    one = {"number": 1, "attempts": job.attempt}
    key = {"kind": job.kind, "status": job.status, "slug": job.error_slug or ""}
    insert_or = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    more = {name: job_tallies.c[name] + value for name, value in one.items()}
    connection.execute(
        insert_or(job_tallies).values(**key, **one).on_conflict_do_update(index_elements=list(key), set_=more)
    )


def record(connection: Connection, job: Job, kind: EventKind) -> None:
    """Add the event whose number the row has just taken, in the transaction that changed the row."""
    data = status_data(job) if kind is EventKind.STATUS else progress_data(job)
    values = {"job": job.id, "seq": job.events, "kind": kind, "data": data, "at": now_ms()}
    connection.execute(insert(job_events).values(values))


def status_data(job: Job) -> dict[str, Any]:
    data: dict[str, Any] = {
        "status": job.status,
        "attempt": job.attempt,
        "cancel_requested": job.cancel_requested,
    }
    if job.error_slug is not None:
        data["error"] = {"slug": job.error_slug, "detail": job.error_detail}
    return data


def progress_data(job: Job) -> dict[str, Any]:
    """`losses` is the newest point only; the whole curve is in the job. A clip's frames are counted."""
    counted: dict[str, Any] = {name: job.facts[name] for name in ("frame", "frames") if name in job.facts}
    return {
        "progress": job.progress,
        "eta_seconds": job.eta_seconds,
        "attempt": job.attempt,
        "losses": job.losses[-1] if job.losses else None,
        **counted,
    }
