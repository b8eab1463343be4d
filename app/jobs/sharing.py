"""Who is next: within a priority the principals take turns, so that nobody waits behind all jobs of another one."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Subquery, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.jobs.job import JobStatus
from app.sql.schema import jobs, now_ms, principals


def line(*conditions: ColumnElement[bool]) -> Subquery:
    """The queue, `id` and `place` from 1: by priority, then by how many jobs of the same principal run or wait before
    it, then the principal that was served longest ago, then the oldest job.

    Args:
        conditions: on jobs, for a part of the queue.
    """
    running = (
        select(jobs.c.principal, func.count().label("number"))
        .where(jobs.c.status == JobStatus.RUNNING)
        .group_by(jobs.c.principal)
        .subquery()
    )
    age = (jobs.c.queued_at, jobs.c.id)
    before = func.row_number().over(partition_by=(jobs.c.principal, jobs.c.priority), order_by=age)
    queued = (
        select(jobs.c.id, jobs.c.principal, jobs.c.priority, jobs.c.queued_at, before.label("turn"))
        .where(jobs.c.status == JobStatus.QUEUED, *conditions)
        .subquery()
    )
    order = (
        queued.c.priority.desc(),
        queued.c.turn + func.coalesce(running.c.number, 0),
        func.coalesce(principals.c.served_at, 0),
        queued.c.queued_at,
        queued.c.id,
    )
    return (
        select(queued.c.id, func.row_number().over(order_by=order).label("place"))
        .outerjoin(running, running.c.principal == queued.c.principal)
        .outerjoin(principals, principals.c.principal == queued.c.principal)
        .subquery()
    )


def served(connection: Connection, principal: str) -> None:
    """It is the last one in turn now."""
    known = update(principals).where(principals.c.principal == principal).values(served_at=now_ms())
    if connection.execute(known).rowcount == 0:
        insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        first = insert(principals).values(principal=principal, served_at=now_ms())
        connection.execute(first.on_conflict_do_nothing())
