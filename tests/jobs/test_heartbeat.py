"""A heartbeat lives as long as its job: no error of the ledger ends it, and it alone ends a task that hangs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import InternalError

from app.errors import LedgerUnavailable
from app.jobs.context import JobContext
from app.jobs.heartbeat import HUNG, Heartbeat
from app.jobs.leases import LeaseLost
from app.storage.folder import Folder

# A guard against waiting for ever, not a measure.
PATIENCE_SECONDS = 600


class Exited(BaseException):
    """In place of the end of this process."""


class StubbornLeases:
    """Raises `errors` one by one, and answers from then on."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.beats = threading.Semaphore(0)
        self.released = 0

    def renew(self, job):
        self.beats.release()
        if self.errors:
            raise self.errors.pop(0)
        return job

    def release(self, _job) -> None:
        self.released += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def context(embedded_desk, tmp_path: Path) -> JobContext:
    job = embedded_desk.leases.claim(embedded_desk.create().id, "anna")
    storage = Folder(tmp_path / "blobs")
    return JobContext(job, embedded_desk.leases, storage, stopping=threading.Event(), checkpoint_seconds=3600)


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Statuses with which the process would have ended."""
    statuses: list[int] = []

    def leave(status: int) -> None:
        statuses.append(status)
        raise Exited

    monkeypatch.setattr(os, "_exit", leave)
    return statuses


@pytest.mark.parametrize(
    "error",
    [
        LedgerUnavailable(private="gone"),
        InternalError("UPDATE", {}, Exception("cannot execute UPDATE in a read-only transaction")),
        MemoryError(),
        RuntimeError("can't start new thread"),
        ValueError("a row that nobody expected"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_error_of_the_ledger_ends_the_heartbeat(context, error: Exception) -> None:
    leases = StubbornLeases(error, error, error)
    with Heartbeat(context, leases, every_seconds=0.001, stall_seconds=3600):  # type: ignore[arg-type]
        for _ in range(6):
            assert leases.beats.acquire(timeout=PATIENCE_SECONDS)
    assert leases.errors == []
    assert not context.lost.is_set()


def test_a_lost_lease_ends_it(context) -> None:
    leases = StubbornLeases(LeaseLost())
    with Heartbeat(context, leases, every_seconds=0.001, stall_seconds=3600):  # type: ignore[arg-type]
        assert context.lost.wait(PATIENCE_SECONDS)
    assert leases.beats.acquire(timeout=PATIENCE_SECONDS)
    assert not leases.beats.acquire(blocking=False)


def watch(context: JobContext, leases: StubbornLeases, stall_seconds: float = 3600) -> Callable[[float], None]:
    """What the heartbeat does at a moment of the monotonic clock."""
    return Heartbeat(context, leases, every_seconds=3600, stall_seconds=stall_seconds)._guard  # type: ignore[arg-type]


def test_a_task_that_does_not_advance_takes_the_process_with_it(context, exits) -> None:
    guard = watch(context, StubbornLeases(), stall_seconds=300)
    guard(context.advanced_at + 299)
    with pytest.raises(Exited):
        guard(context.advanced_at + 301)
    assert exits == [HUNG]


def test_a_finished_job_that_waits_out_an_outage_does_not_hang(context) -> None:
    guard = watch(context, StubbornLeases(), stall_seconds=300)
    context.advanced_at -= 3600
    context.waits()
    guard(time.monotonic())


@pytest.mark.parametrize("errors", [[], [ValueError("released?")]], ids=["released", "not released"])
def test_a_task_that_does_not_stop_is_left_to_another_worker(context, exits, errors) -> None:
    leases = StubbornLeases(*errors)
    guard = watch(context, leases)
    context.stopping.set()
    guard(time.monotonic())
    with pytest.raises(Exited):
        guard(time.monotonic() + 60)
    assert exits == [0]
