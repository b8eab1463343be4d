"""Ledgers on SQLite and on PostgreSQL, each empty at the start of a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import delete

from app.jobs.job import Job, NewJob, new_job_id
from app.jobs.leases import Leases
from app.jobs.ledger import Ledger, Quota
from app.jobs.reaper import Reaper
from app.sql.database import Database
from app.sql.migration import migrate
from app.sql.schema import job_tallies, jobs, principals, workers

ROOMY = Quota(waiting=1000, waiting_each=1000)


@dataclass
class Desk:
    """All sides of one ledger. Leases are long: who wants one to expire says so with `expire`."""

    database: Database

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database, expiry_seconds=3600)
        self.leases = Leases(self.database, lease_seconds=60, retry_seconds=60, expiry_seconds=3600)
        self.reaper = Reaper(self.database, expiry_seconds=3600, history_seconds=7200)

    def create(self, **given) -> Job:
        job, new = self.ledger.create(NewJob(**{"id": new_job_id(), "kind": "count", "params": {}} | given), ROOMY)
        assert new
        return job

    def set(self, job: Job, **columns: object) -> None:
        with self.database.write() as connection:
            connection.execute(jobs.update().where(jobs.c.id == job.id).values(columns))

    def expire(self, job: Job) -> None:
        """The lease ended just now."""
        self.set(job, lease_until=job.created_at - 1)

    def now(self, job: Job) -> Job:
        found = self.ledger.get(job.id)
        assert found is not None
        return found


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'jobs.sqlite'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    database = Database(url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def desk(migrated: Database) -> Desk:
    with migrated.write() as connection:
        for table in (jobs, job_tallies, principals, workers):
            connection.execute(delete(table))
    return Desk(migrated)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'jobs.sqlite'}"


@pytest.fixture
def embedded_desk(sqlite_url: str) -> Iterator[Desk]:
    """On SQLite alone, for tests that are about something else."""
    database = Database(sqlite_url)
    migrate(database)
    yield Desk(database)
    database.close()
