"""Connections to the ledger's database: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

import sqlite3
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
# A database behind a cut cable must be noticed while a lease could still be saved elsewhere.
POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
    "application_name": "pastiche",
}
# SQLSTATE of a write to a server that has become a replica: the connection is good, and leads to the wrong server.
READ_ONLY = "25006"
UNSTORABLE = "A value cannot be stored: it has a NUL or a broken character, or too many digits."


class Database:
    """A pool of connections; safe for threads. Nothing is connected to before the first statement."""

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
            LedgerUnavailable: there is no database to talk to, or not one that does what it is asked.
            InvalidOption: a value that no column can hold, such as a text with a NUL character.
            IntegrityError: a row is there already; whoever writes it knows which.
        """
        with _as_ledger(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that waits for no writer. Raises as `write`."""
        with _as_ledger(), self._reading.connect() as connection:
            yield connection

    def create(self) -> None:
        """Make the file of an embedded database, where there is none yet. Connections never do: a file that is deleted
        under a running service would come back empty, and what is written then would be lost with the next one."""
        if self._file is None:
            return
        with suppress(FileExistsError):
            self._file.touch(exist_ok=False)
            # Of a file that was deleted alone: SQLite would write it into the new one.
            for suffix in ("-wal", "-shm"):
                self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _as_ledger() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except (DataError, OverflowError, UnicodeEncodeError) as error:
        # PostgreSQL takes no NUL in a text, neither takes half a surrogate pair, and integers have 64 bits.
        raise InvalidOption(
            "A value cannot be stored: it has a NUL or a broken character, or too many digits."
        ) from error
    except (DBAPIError, PoolTimeout) as error:
        # Whatever else it says: a replica that is read only, a role without rights, tables that are gone. None of that
        # is for whoever asked, and all of it may be mended while this process lives.
        raise unreachable(error) from error


def is_damaged(error: BaseException | None) -> bool:
    """Whether it says that the file is no SQLite database, or a damaged one: waiting does not help."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", None) in DAMAGED


def unreachable(error: Exception) -> LedgerUnavailable:
    """The problem of a database that cannot be used now, for the reason that `error` tells the log."""
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
            context.is_disconnect = True  # the pool connects anew, and finds the new primary

    return engine


def _sqlite(url: URL, file: Path | None) -> Engine:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    if file is not None:
        _follow_file(engine, file)

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


def _follow_file(engine: Engine, file: Path) -> None:
    """Never write into a file that was deleted or replaced: it would swallow everything without a word."""

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
    """Tells files apart that have had the same name. None: there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
