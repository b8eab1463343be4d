"""Rows of webhooks: a job's end is reported at least once, by whichever worker comes first."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select, update

from app.jobs.job import ENDED, Job
from app.sql.database import Database
from app.sql.schema import jobs, now_ms, webhooks

# A delivery takes less; a row whose worker died meanwhile is due again after it.
CLAIM_SECONDS = 60
# After the n-th failure, 10 * 3**(n - 1) seconds: the last of eight attempts is three hours after the first.
FIRST_PAUSE_SECONDS = 10
PAUSE_FACTOR = 3
MAX_ATTEMPTS = 8


@dataclass(frozen=True)
class Webhook:
    """The end of a job that is to be reported to `url`; this is the `attempt`-th time that it is tried."""

    job: Job
    url: str
    attempt: int


class Webhooks:
    """Every method raises LedgerUnavailable when the database cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self) -> Webhook | None:
        """The one that has been due for the longest, for the caller alone; None: none is due."""
        due = webhooks.c.due_at <= now_ms()
        ended = select(webhooks.c.job).join(jobs, jobs.c.id == webhooks.c.job).where(due, jobs.c.status.in_(ENDED))
        with self._database.read() as connection:
            found = connection.scalar(ended.order_by(webhooks.c.due_at).limit(1))
        if found is None:
            return None
        # The condition again: another worker may have come between.
        claimed = update(webhooks).where(webhooks.c.job == found, due)
        values = {"attempts": webhooks.c.attempts + 1, "due_at": now_ms() + CLAIM_SECONDS * 1000}
        with self._database.write() as connection:
            mine = connection.execute(claimed.values(values).returning(webhooks)).one_or_none()
            job = connection.execute(select(jobs).where(jobs.c.id == found)).mappings().one_or_none()
        return Webhook(Job.from_row(dict(job)), mine.url, mine.attempts) if mine and job else None

    def end(self, webhook: Webhook) -> None:
        """It was delivered, or never will be."""
        with self._database.write() as connection:
            connection.execute(delete(webhooks).where(webhooks.c.job == webhook.job.id))

    def again(self, webhook: Webhook) -> float | None:
        """It was not delivered. Returns the seconds until it is tried again; None: that was the last attempt."""
        if webhook.attempt >= MAX_ATTEMPTS:
            self.end(webhook)
            return None
        pause = float(FIRST_PAUSE_SECONDS * PAUSE_FACTOR ** (webhook.attempt - 1))
        with self._database.write() as connection:
            mine = update(webhooks).where(webhooks.c.job == webhook.job.id)
            connection.execute(mine.values(due_at=now_ms() + int(pause * 1000)))
        return pause
