"""The ledger's schema: migrated by `pastiche migrate`, and checked before anything else uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.errors import LedgerUnavailable
from app.sql.database import Database, is_damaged, unreachable

SCRIPTS = Path(__file__).with_name("migrations")
VERSION_TABLE = "pastiche_version"
# Id of the lock that lets one process migrate at a time; any number will do.
MIGRATION_LOCK = 0x70617375


class SchemaOutdated(Exception):
    """The database does not have this version's schema; the message says what to do."""


class DatabaseUnusable(SchemaOutdated):
    """The database is damaged, and cannot be migrated."""


def migrate(database: Database, create_queue: Callable[[], None] = lambda: None) -> tuple[str | None, str]:
    """Migrate the schema to this version, after waiting for any other process that does so.

    Args:
        create_queue: creates the queue's tables, under the same lock.

    Returns:
        The revisions before (None: an empty database) and after.

    Raises:
        LedgerUnavailable: the database cannot be reached.
        SchemaOutdated: the schema is of a later version than this program.
    """
    try:
        database.create()
    except OSError as error:
        raise unreachable(error) from error
    with _alone(database) as connection:
        before = _revision(connection)
        head = _scripts().get_current_head() or ""
        _check_known(before)
        if before != head:
            command.upgrade(_config(connection), "head")
        create_queue()
        return before, head


def check_schema(database: Database) -> None:
    """Raises SchemaOutdated unless the schema is this version's; LedgerUnavailable if it cannot be reached."""
    with _explained(database), database.read() as connection:
        found = _revision(connection)
    _check_known(found)
    if found != _scripts().get_current_head():
        raise SchemaOutdated("The database of the jobs is not up to date: run `pastiche migrate` first.")


def prepare(database: Database) -> None:
    """Called before serving or working: migrates an embedded database; any other must be up to date.

    Raises:
        SchemaOutdated, LedgerUnavailable: as `migrate` and `check_schema`.
    """
    if database.embedded:
        migrate(database)
    else:
        check_schema(database)


def _check_known(revision: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaOutdated("The database of the jobs belongs to a later version of pastiche.")


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    # In SQLite, the write transaction is the lock; PostgreSQL releases this one at the end of the transaction.
    with _explained(database), database.write() as connection:
        if not database.embedded:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        yield connection


@contextmanager
def _explained(database: Database) -> Iterator[None]:
    """Raise DatabaseUnusable for a damaged file, since that is no outage to wait for."""
    try:
        yield
    except LedgerUnavailable as error:
        if not is_damaged(error.__cause__):
            raise
        file = database.engine.url.database
        raise DatabaseUnusable(
            f"{file} is no SQLite database, or a damaged one: restore it from a backup, or move it away to begin with "
            "an empty one."
        ) from error


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(SCRIPTS))
