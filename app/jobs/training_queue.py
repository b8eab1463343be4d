"""How workers get trainings: these are so rare and long that workers ask the ledger itself for the next one."""

from __future__ import annotations

import fcntl
import os
import socket
import time

import structlog
import torch

from app.engine.device import choose_kind
from app.jobs.dispatch import QueueUnavailable
from app.jobs.ledger import Ledger
from app.jobs.training_params import KIND
from app.settings import Settings
from app.sql.database import Database

POLL_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class TrainingQueue:
    """Hands trainings to one worker of a device at a time: the others get none until that one has ended."""

    def __init__(self, settings: Settings) -> None:
        self._database = Database(settings.ledger_url)
        self._ledger = Ledger(self._database, expiry_seconds=0)
        self._turn = DeviceTurn(settings)

    def send(self, job_id: str, priority: int) -> None:
        """Nothing to do: the ledger has it already."""

    def receive(self) -> str | None:
        """The id of the training that waits longest, of those with the highest priority. Raises LedgerUnavailable."""
        waiting = self._ledger.waiting(1, [KIND]) if self._turn.take() else []
        if waiting:
            return waiting[0].id
        time.sleep(POLL_SECONDS)
        return None

    def messages(self) -> int:
        """Raises QueueUnavailable: there are none that could be lost and sent again."""
        raise QueueUnavailable

    def close(self) -> None:
        self._turn.give_back()
        self._database.close()


class DeviceTurn:
    """A lock in a file of `data_dir`, which ends with its process however that ends."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / f"training-{socket.gethostname()[:40]}-{device_id(settings)}.lock"
        self._file: int | None = None
        self._told: str | None = None

    def take(self) -> bool:
        """Whether it is this process's turn; once taken it stays so until `give_back`."""
        if self._file is not None:
            return True
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._tell(f"Trainings wait until PASTICHE_DATA_DIR can be written: {error}.")
            return False
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(opened)
            another = isinstance(error, BlockingIOError)
            self._tell("Another worker trains." if another else f"PASTICHE_DATA_DIR has no locks: {error}.")
            return False
        self._file = opened
        self._told = None
        return True

    def _tell(self, reason: str) -> None:
        """Once, and not at each of the two times a second that it is tried."""
        if reason != self._told:
            _log.warning("trainings_wait", reason=reason)
        self._told = reason

    def give_back(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None


def device_id(settings: Settings) -> str:
    """Tells the devices of a machine apart."""
    kind = choose_kind(settings.device)
    return f"cuda-{torch.cuda.get_device_properties(0).uuid}" if kind == "cuda" else kind
