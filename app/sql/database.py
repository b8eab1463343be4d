"""Connections to the ledger's database: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import LedgerUnavailable

BUSY_SECONDS = 10
RETRY_AFTER_SECONDS = 5
# A database behind a cut cable must be noticed while a lease could still be saved elsewhere.
POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
    "application_name": "pastiche",
}


class Database:
    """A pool of connections; safe for threads. Nothing is connected to before the first statement."""

    def __init__(self, url: str) -> None:
        """Args: url: `sqlite:///path` or `postgresql://...`."""
        self.url = url
        parsed = make_url(url)
        self.embedded = parsed.get_backend_name() == "sqlite"
        self.engine = _sqlite(parsed) if self.embedded else _postgresql(parsed)
        self._reading = self.engine.execution_options(pastiche_reads=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction, committed at the end. Raises LedgerUnavailable when there is no database to talk to."""
        with _as_ledger(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that waits for no writer. Raises as `write`."""
        with _as_ledger(), self._reading.connect() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _as_ledger() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise _unavailable(error) from error
    except DBAPIError as error:
        # A server that is shut down says so in an error of another class.
        if not error.connection_invalidated:
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(
        "The database of the jobs cannot be reached.", private=repr(error), retry_after_seconds=RETRY_AFTER_SECONDS
    )


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_timeout=5, connect_args=POSTGRESQL
    )


def _sqlite(url: URL) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # The driver would begin transactions by itself, too late and never with IMMEDIATE.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", f"busy_timeout = {BUSY_SECONDS * 1000}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes then could not wait for another writer: it would fail at once.
        reads = connection.get_execution_options().get("pastiche_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
