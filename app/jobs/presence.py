"""The live workers: each reports to the ledger every few seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

import structlog
from sqlalchemy import delete, insert, select, update

from app.errors import LedgerUnavailable
from app.sql.database import Database
from app.sql.schema import now_ms, workers

TELL_SECONDS = 3
# Two reports may be late. A worker that stops says so.
ALIVE_SECONDS = 10
FORGET_SECONDS = 3600
STOP_SECONDS = 2

_log = structlog.get_logger(__name__)


class Presence:
    """The thread in which a worker reports that it is alive, and how many faults its threads have survived.

    Args:
        kinds: of jobs that it does.
        faults: so far.
    """

    def __init__(self, database: Database, name: str, kinds: Collection[str], faults: Callable[[], int]) -> None:
        self._database = database
        self._name = name
        self._kinds = sorted(kinds)
        self._faults = faults
        self._over = threading.Event()
        self._works = True
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Remove the worker from the list, if the database is there."""
        self._over.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        self._try(self.tell)
        while not self._over.wait(TELL_SECONDS):
            self._try(self.tell)
        self._try(self.leave)

    def _try(self, what: Callable[[], None]) -> None:
        try:
            what()
        except LedgerUnavailable as error:
            if self._works:
                _log.warning("presence_not_told", reason=error.private)
            self._works = False
        except Exception:  # noqa: BLE001 - a worker that is not heard of any more counts as dead
            if self._works:
                _log.exception("presence_not_told")
            self._works = False
        else:
            self._works = True

    def tell(self) -> None:
        """Raises LedgerUnavailable."""
        mine = workers.c.name == self._name
        with self._database.write() as connection:
            now = {"seen_at": now_ms(), "faults": self._faults()}
            if connection.execute(update(workers).where(mine).values(now)).rowcount == 0:
                row = {"name": self._name, "kinds": self._kinds, "started_at": now_ms(), **now}
                connection.execute(insert(workers).values(row))
            connection.execute(delete(workers).where(workers.c.seen_at < now_ms() - FORGET_SECONDS * 1000))

    def leave(self) -> None:
        """Raises LedgerUnavailable."""
        with self._database.write() as connection:
            connection.execute(delete(workers).where(workers.c.name == self._name))


def alive(database: Database) -> tuple[dict[str, int], int]:
    """How many workers there are for each kind of jobs, and the faults that all of them have survived.

    Raises:
        LedgerUnavailable.
    """
    lively = select(workers.c.kinds, workers.c.faults).where(workers.c.seen_at > now_ms() - ALIVE_SECONDS * 1000)
    numbers: dict[str, int] = {}
    faults = 0
    with database.read() as connection:
        for row in connection.execute(lively):
            faults += row.faults
            for kind in row.kinds:
                numbers[kind] = numbers.get(kind, 0) + 1
    return numbers, faults
