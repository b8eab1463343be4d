"""How a worker ends the jobs of its tasks, in a process that the test can look into."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from app.errors import LedgerUnavailable, StorageUnavailable
from app.jobs import worker as module
from app.jobs.context import JobContext
from app.jobs.job import Job, JobStatus, NewJob, Result, new_job_id
from app.jobs.ledger import Ledger, Quota
from app.jobs.worker import Worker, as_failure
from app.settings import Settings
from app.sql.database import Database
from app.sql.migration import migrate

# A guard against waiting for ever, not a measure.
PATIENCE_SECONDS = 600


class Messages:
    """A queue in this process."""

    def __init__(self) -> None:
        self.ids: queue.Queue[str] = queue.Queue()

    def send(self, job_id: str, priority: int) -> None:
        self.ids.put(job_id)

    def receive(self) -> str | None:
        try:
            return self.ids.get(timeout=0.01)
        except queue.Empty:
            return None

    def messages(self) -> int:
        return self.ids.qsize()

    def close(self) -> None:
        pass


class Shop:
    """A worker with one task, and its ledger."""

    def __init__(self, folder: Path, task: Callable[[JobContext], Result], **settings: Any) -> None:
        self.settings = Settings(
            data_dir=folder, job_heartbeat_seconds=0.01, job_lease_seconds=30, job_retry_seconds=0.01, **settings
        )
        self.database = Database(self.settings.ledger_url)
        migrate(self.database)
        self.ledger = Ledger(self.database, expiry_seconds=3600)
        self.messages = Messages()
        self.worker = Worker(self.settings, {"count": task}, self.messages)
        self._thread = threading.Thread(target=self.worker.run)

    def start(self) -> None:
        self._thread.start()

    def submit(self, **given: Any) -> Job:
        new = NewJob(**{"id": new_job_id(), "kind": "count", "params": {}} | given)
        job, _ = self.ledger.create(new, Quota(waiting=1000, waiting_each=1000))
        self.messages.send(job.id, 0)
        return job

    def ended(self, job: Job) -> Job:
        for _ in range(PATIENCE_SECONDS * 100):
            found = self.ledger.get(job.id)
            assert found is not None
            if found.ended:
                return found
            threading.Event().wait(0.01)
        raise AssertionError("waited in vain")

    def close(self) -> None:
        self.worker.stop()
        if self._thread.is_alive():
            self._thread.join()
        self.database.close()


@pytest.fixture
def open_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shop]]:
    monkeypatch.setattr(module, "OUTAGE_SECONDS", 0.01)
    shops: list[Shop] = []

    def make(task: Callable[[JobContext], Result], **settings: Any) -> Shop:
        shops.append(Shop(tmp_path, task, **settings))
        return shops[-1]

    yield make
    for shop in shops:
        shop.close()


def paint(_: JobContext) -> Result:
    return Result(b"picture", "image/png")


def test_a_result_is_stored_once_the_storage_is_back_and_the_job_not_done_again(open_shop, monkeypatch) -> None:
    shop = open_shop(paint)
    storage = shop.worker._storage
    put, refused = storage.put, []

    def closed_at_first(key: str, data: bytes) -> None:
        if len(refused) < 5:
            refused.append(key)
            raise StorageUnavailable(private="full")
        put(key, data)

    monkeypatch.setattr(storage, "put", closed_at_first)
    shop.start()
    done = shop.ended(shop.submit())
    assert (done.status, done.attempt) == (JobStatus.DONE, 1)
    assert storage.get(done.result_key) == b"picture"


def test_a_storage_that_stays_away_fails_the_attempt_with_that_reason(open_shop, monkeypatch) -> None:
    shop = open_shop(paint, job_outage_seconds=0)

    def closed(*_: object) -> None:
        raise StorageUnavailable(private="full")

    monkeypatch.setattr(shop.worker._storage, "put", closed)
    shop.start()
    failed = shop.ended(shop.submit(max_attempts=2))
    assert (failed.status, failed.attempt, failed.error_slug) == (JobStatus.FAILED, 2, "storage-unavailable")


def test_an_outage_longer_than_the_stall_guards_patience_does_not_kill_a_finished_job(open_shop, monkeypatch) -> None:
    """By a clock that each failed attempt to write advances by less than the patience of 0.1 seconds."""
    now, looked, killed = [0.0], [0.0], []

    def look() -> float:
        looked.append(now[0])
        return now[0]

    monkeypatch.setattr("app.jobs.context.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("app.jobs.heartbeat.time", SimpleNamespace(monotonic=look))
    monkeypatch.setattr("app.jobs.heartbeat.os._exit", killed.append)
    shop = open_shop(paint, job_stall_seconds=0.1)
    finish = shop.worker._leases.finish

    def away_at_first(*args: Any) -> Job:
        if looked[-1] < 0.5:  # the guard has not looked since its patience would have ended
            now[0] += 0.06
            raise LedgerUnavailable(private="away")
        return finish(*args)

    monkeypatch.setattr(shop.worker._leases, "finish", away_at_first)
    shop.start()
    done = shop.ended(shop.submit())
    assert (done.status, done.attempt, killed) == (JobStatus.DONE, 1, [])


def test_a_worker_goes_on_after_an_error_between_two_jobs(open_shop, monkeypatch) -> None:
    shop = open_shop(paint)
    receive, errors = shop.messages.receive, [ValueError("what a queue should not say"), MemoryError()]

    def faulty() -> str | None:
        if errors:
            raise errors.pop(0)
        return receive()

    monkeypatch.setattr(shop.messages, "receive", faulty)
    shop.start()
    assert shop.ended(shop.submit()).status is JobStatus.DONE


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_running_out_of_memory_is_told_as_that_whoever_says_it(error: Exception) -> None:
    failure = as_failure(error)
    assert (failure.slug, "`size`" in failure.detail) == ("out-of-memory", True)


def test_another_error_of_torchs_is_ours() -> None:
    assert as_failure(RuntimeError("mat1 and mat2 shapes cannot be multiplied")).slug == "internal-error"
