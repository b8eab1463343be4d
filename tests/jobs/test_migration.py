"""The schema is the code's, is made once by however many do it, and is looked at before anything relies on it."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import cli
from app.errors import LedgerUnavailable
from app.jobs.dispatch import Dispatch
from app.settings import Settings
from app.sql.database import RETRY_AFTER_SECONDS, Database
from app.sql.migration import VERSION_TABLE, SchemaOutdated, check_schema, migrate, prepare
from app.sql.schema import metadata

HEAD = "0006"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server, schema = request.getfixturevalue("postgresql_url"), f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{server}?options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def empty(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def test_the_migrations_make_the_schema_of_the_code(empty: Database) -> None:
    assert migrate(empty) == (None, HEAD)
    with empty.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
    check_schema(empty)


def test_migrating_again_does_nothing(empty: Database) -> None:
    migrate(empty)
    assert migrate(empty) == (HEAD, HEAD)


def test_many_that_migrate_at_once_migrate_once(url: str) -> None:
    def run(_: int) -> tuple[str | None, str]:
        database = Database(url)
        try:
            return migrate(database, Dispatch(Settings(database_url=url)).create)
        finally:
            database.close()

    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(run, range(6)))
    assert sorted(done, key=str) == [(HEAD, HEAD)] * 5 + [(None, HEAD)]


def test_an_empty_database_is_migrated_on_the_way_only_where_it_is_embedded(empty: Database) -> None:
    if empty.embedded:
        prepare(empty)
        check_schema(empty)
    else:
        with pytest.raises(SchemaOutdated, match="pastiche migrate"):
            prepare(empty)


def test_a_database_of_a_later_version_is_left_alone(empty: Database) -> None:
    migrate(empty)
    with empty.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    for act in (migrate, prepare, check_schema):
        with pytest.raises(SchemaOutdated, match="later version"):
            act(empty)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch):
    # It would take the log of the whole test run over.
    monkeypatch.setattr(import_module("app.cli.worker"), "configure_logging", lambda *_: None)
    return lambda name, url: CliRunner().invoke(cli, [name], env={"PASTICHE_DATABASE_URL": url})


def test_the_command_says_what_it_did(command, url: str) -> None:
    assert command("migrate", url).output == f"empty -> {HEAD}\n"
    assert command("migrate", url).output == f"The database is up to date at {HEAD}.\n"


def test_a_worker_refuses_a_database_that_is_not_current(command, url: str, empty: Database) -> None:
    migrate(empty)
    with empty.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    done = command("worker", url)
    assert done.exit_code == 1
    assert done.stderr == "pastiche worker: The database of the jobs belongs to a later version of pastiche.\n"


@pytest.mark.parametrize("name", ["migrate", "worker"])
def test_what_stops_a_command_is_told_in_a_sentence(command, name: str) -> None:
    done = command(name, "postgresql://nobody@127.0.0.1:9/none")
    assert (done.exit_code, done.stderr) == (1, f"pastiche {name}: The database of the jobs cannot be reached.\n")
    done = command(name, "mysql://host/name")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"pastiche {name}: PASTICHE_DATABASE_URL: ")


def test_a_folder_that_cannot_be_written_is_a_database_that_cannot_be_reached(sqlite_url, monkeypatch) -> None:
    def refuse(_: Database) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Database, "create", refuse)
    with closing(Database(sqlite_url)) as database, pytest.raises(LedgerUnavailable) as caught:
        migrate(database)
    assert caught.value.detail == "The database of the jobs cannot be reached."
    assert caught.value.retry_after_seconds == RETRY_AFTER_SECONDS
