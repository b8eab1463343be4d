"""Connections to the ledger's database: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.errors import InvalidOption, LedgerUnavailable

DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
BUSY_SECONDS = 10
RETRY_AFTER_SECONDS = 5
# A lost connection must be noticed in time for another process to take over the lease.
POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
    "application_name": "pastiche",
}
# SQLSTATE of a write to a server that has become a replica: the connection works, but to the wrong server.
READ_ONLY = "25006"
UNSTORABLE = "A value cannot be stored: it has a NUL or an invalid character, or too many digits."


class Database:
    """A thread-safe pool of connections, which connects at the first statement."""

    def __init__(self, url: str) -> None:
        """Args: url: `sqlite:///path` or `postgresql://...`."""
        self.url = url
        parsed = make_url(url)
        self.embedded = parsed.get_backend_name() == "sqlite"
        self._file = Path(parsed.database) if self.embedded and parsed.database else None
        self.engine = _sqlite(parsed, self._file) if self.embedded else _postgresql(parsed)
        self._reading = self.engine.execution_options(pastiche_reads=True)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction, committed at the end.

        Raises:
            LedgerUnavailable: the database cannot be reached, or refuses what is asked.
            InvalidOption: a value that no column can hold, such as text with a NUL character.
            IntegrityError: a constraint is violated; callers know which one.
        """
        with _as_ledger(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that does not wait for writers. Raises as `write`."""
        with _as_ledger(), self._reading.connect() as connection:
            yield connection

    def create(self) -> None:
        """Create the file of an embedded database if there is none. Connections never do: a file that is deleted while
        the service runs would come back empty, and swallow what is written."""
        if self._file is None:
            return
        with _locked(self._file.parent):
            if self._file.exists():
                return
            # Left over from a deleted file: SQLite would replay it into the new one.
            for suffix in ("-wal", "-shm"):
                self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
            self._file.touch()

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _as_ledger() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DataError, OverflowError, UnicodeEncodeError) as error:
        # PostgreSQL has no NUL in text, neither database has unpaired surrogates, and integers have 64 bits.
        raise InvalidOption(UNSTORABLE) from error
    except (DBAPIError, PoolTimeout) as error:
        # Anything else: a read-only replica, missing privileges, missing tables. The client can do nothing about these,
        # and an operator may fix them while this process runs.
        raise unreachable(error) from error


def is_damaged(error: BaseException | None) -> bool:
    """Whether the error means that the file is damaged or no SQLite database, so that waiting does not help."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", None) in DAMAGED


def unreachable(error: Exception) -> LedgerUnavailable:
    """The problem to raise while the database cannot be used; `error`, the reason, is for the log."""
    return LedgerUnavailable(
        "The database of the jobs cannot be reached.", private=repr(error), retry_after_seconds=RETRY_AFTER_SECONDS
    )


def _postgresql(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_timeout=5, connect_args=POSTGRESQL
    )

    @event.listens_for(engine, "handle_error")
    def leave_a_replica(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
            context.is_disconnect = True  # the pool reconnects, and finds the new primary

    return engine


def _sqlite(url: URL, file: Path | None) -> Engine:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    if file is not None:
        _follow_file(engine, file)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        # Otherwise the driver begins transactions itself, too late and never with IMMEDIATE.
        connection.isolation_level = None
        _write_ahead(connection)
        for pragma in ("foreign_keys = ON", f"busy_timeout = {BUSY_SECONDS * 1000}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Without IMMEDIATE, a transaction that reads and then writes fails at once if there is another writer.
        reads = connection.get_execution_options().get("pastiche_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging. Where several connections to a new file do so at once, SQLite does not wait."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone among the processes and threads that come here, where the file system has locks."""
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _follow_file(engine: Engine, file: Path) -> None:
    """Refuse to use a file that was deleted or replaced, in which writes would be lost silently."""

    @event.listens_for(engine, "do_connect")
    def must_exist(*_: Any) -> None:
        if not file.exists():
            raise sqlite3.OperationalError(f"{file} is gone")

    @event.listens_for(engine, "connect")
    def remember(_: Any, record: Any) -> None:
        record.info["file"] = _identity(file)

    @event.listens_for(engine, "checkout")
    def same_file(_: Any, record: Any, __: Any) -> None:
        if record.info["file"] != _identity(file):
            raise DisconnectionError(f"{file} is not the file that was opened")


def _identity(file: Path) -> tuple[int, int] | None:
    """Device and inode of the file, which change when it is replaced; None if there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
