"""All that goes wrong with a database is one problem for clients; no connection outlives its file or its primary."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from app.errors import InvalidOption, LedgerUnavailable
from app.jobs.job import NewJob, new_job_id
from app.jobs.ledger import Ledger, Quota
from app.sql.database import Database
from app.sql.migration import migrate
from app.sql.schema import active_models

ROOMY = Quota(waiting=1000, waiting_each=1000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def embedded(file: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{file}")
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def server_url(postgresql_url: str) -> Iterator[str]:
    schema = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{postgresql_url}?options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param == "sqlite":
        yield request.getfixturevalue("embedded")
        return
    database = Database(request.getfixturevalue("server_url"))
    migrate(database)
    yield database
    database.close()


def create(database: Database) -> str:
    new = NewJob(new_job_id(), "count", {})
    Ledger(database, expiry_seconds=60).create(new, ROOMY)
    return new.id


def test_a_file_that_was_deleted_under_its_connections_takes_no_jobs(embedded: Database, file: Path) -> None:
    create(embedded)
    file.unlink()
    with pytest.raises(LedgerUnavailable):
        create(embedded)
    with pytest.raises(LedgerUnavailable):
        Ledger(embedded, expiry_seconds=60).page()
    assert not file.exists()  # nobody makes an empty one in its place


def test_a_file_that_came_back_is_used_again(embedded: Database, file: Path) -> None:
    before = create(embedded)
    embedded.close()
    kept = file.rename(file.with_name("kept"))
    with pytest.raises(LedgerUnavailable):
        create(embedded)
    kept.rename(file)
    after = create(embedded)
    assert {job.id for job in Ledger(embedded, expiry_seconds=60).page()} == {before, after}


def test_a_file_that_another_process_made_anew_is_the_one_that_is_written(embedded: Database, file: Path) -> None:
    create(embedded)
    file.unlink()
    other = Database(f"sqlite:///{file}")
    migrate(other)
    job = create(embedded)
    assert [found.id for found in Ledger(other, expiry_seconds=60).page()] == [job]
    other.close()


def test_a_log_that_a_deleted_file_left_is_not_written_into_the_new_one(embedded: Database, file: Path) -> None:
    create(embedded)
    file.unlink()
    assert file.with_name("jobs.sqlite-wal").exists()
    other = Database(f"sqlite:///{file}")
    migrate(other)
    assert Ledger(other, expiry_seconds=60).page() == []
    other.close()


def test_tables_that_are_gone_are_the_services_problem(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("DROP TABLE active_models"))
    with pytest.raises(LedgerUnavailable), database.read() as connection:
        connection.execute(select(active_models))


def test_a_server_that_became_a_replica_is_left_for_the_new_primary(server_url: str) -> None:
    database = Database(server_url)
    migrate(database)
    create(database)
    with database.engine.connect() as connection:
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        connection.commit()
    with pytest.raises(LedgerUnavailable) as caught:
        create(database)
    assert "ReadOnlySqlTransaction" in (caught.value.private or "")
    create(database)  # by a new connection
    database.close()


@pytest.mark.parametrize("value", ["half a pair \ud800", 2**70], ids=["surrogate", "large number"])
def test_a_value_that_cannot_be_stored_is_the_clients_problem(database: Database, value: object) -> None:
    column = active_models.c.name if isinstance(value, str) else active_models.c.version
    with pytest.raises(InvalidOption, match="cannot be stored"), database.read() as connection:
        connection.execute(select(active_models).where(column == value))


def test_a_nul_is_found_nowhere(database: Database) -> None:
    try:
        with database.read() as connection:
            assert connection.execute(select(active_models).where(active_models.c.name == "a\0")).all() == []
    except InvalidOption:
        assert not database.embedded  # PostgreSQL cannot even be asked


def test_a_row_that_is_there_already_is_told_to_its_writer(database: Database) -> None:
    row = {"name": "a", "version": 1, "changed_at": 0, "changed_by": "", "forced": False}
    with database.write() as connection:
        connection.execute(insert(active_models).values(row))
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(active_models).values(row))
