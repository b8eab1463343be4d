"""A ledger, a queue and a store of a test's own, with workers as real processes around them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.errors import LedgerUnavailable
from app.jobs.context import DIGEST_BYTES
from app.jobs.dispatch import Dispatch
from app.jobs.job import EventKind, Job, JobStatus, NewJob, new_job_id
from app.jobs.ledger import Ledger, Quota
from app.settings import Settings
from app.sql.database import Database
from app.sql.migration import migrate
from app.storage.blobs import open_storage

COUNTING_WORKER = Path(__file__).with_name("counting_worker.py")
# A guard against waiting for ever, not a measure.
PATIENCE_SECONDS = 600
# Impatient, so that the tests are quick; where a promise of the defaults is tested, they are.
QUICK = {
    "job_heartbeat_seconds": 0.2,
    "job_lease_seconds": 1.5,
    "job_sweep_seconds": 0.2,
    "job_checkpoint_seconds": 0.1,
    "job_retry_seconds": 0.3,
}


Build = Callable[..., "JobHouse"]


class WorkerProcess:
    """`log` has the JSON lines that it has written so far."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(COUNTING_WORKER)], env=environment, stdout=output, stderr=output
            )

    @property
    def log(self) -> list[dict[str, Any]]:
        whole = self._log.read_text().split("\n")[:-1]  # the last line may be written just now
        return [json.loads(line) for line in whole if line.startswith("{")]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line.get("event") == name]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)


class JobHouse:
    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.settings = Settings(data_dir=folder, **settings)
        self.database = Database(self.settings.ledger_url)
        self.dispatch = Dispatch(self.settings)
        migrate(self.database, self.dispatch.create)
        self.ledger = Ledger(self.database, expiry_seconds=3600)
        self.storage = open_storage(self.settings.blobs_url)
        self.workers: list[WorkerProcess] = []

    def environment(self, **other: object) -> dict[str, str]:
        repository = str(Path(__file__).parents[2])
        given = {f"PASTICHE_{name.upper()}": str(value) for name, value in other.items()}
        return {**os.environ, **self.settings.environment(), "PYTHONPATH": repository, **given}

    def worker(self, **settings: object) -> WorkerProcess:
        """Start one, and wait until it asks for jobs."""
        worker = WorkerProcess(self.environment(**settings), self.folder / f"worker{len(self.workers)}.log")
        self.workers.append(worker)
        self.wait_for(lambda: worker.events("worker_ready"))
        return worker

    def freeze(self, worker: WorkerProcess) -> None:
        """Stop it between two transactions: in one of SQLite it would hold the lock that all others write with."""
        while True:
            worker.signal(signal.SIGSTOP)
            try:
                with self.database.write():
                    return
            except LedgerUnavailable:
                worker.signal(signal.SIGCONT)

    def submit(self, *, priority: int = 0, max_attempts: int = 3, **params: Any) -> Job:
        new = NewJob(new_job_id(), "count", {"to": 40, "seconds": 0.05} | params, "", priority, max_attempts)
        job, _ = self.ledger.create(new, Quota(waiting=1000, waiting_each=1000))
        self.dispatch.send(job.id, job.priority)
        return job

    def now(self, job: Job) -> Job:
        found = self.ledger.get(job.id)
        assert found is not None
        return found

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (value := condition()):
            logs = [worker.log[-10:] for worker in self.workers]
            assert time.monotonic() < end, f"waited in vain; the workers said {logs}"
            time.sleep(0.02)
        return value

    def wait_until_ended(self, job: Job) -> Job:
        self.wait_for(lambda: self.now(job).ended)
        return self.now(job)

    def wait_until_checkpointed(self, job: Job, iteration: int = 1) -> Job:
        """The job as it is when it could go on after `iteration` elsewhere."""

        def there() -> bool:
            found = self.now(job)
            return (
                found.checkpoint_key is not None
                and int(self.storage.get(found.checkpoint_key)[DIGEST_BYTES:]) >= iteration
            )

        self.wait_for(there)
        return self.now(job)

    def statuses(self, job: Job) -> list[str]:
        """Through which it went."""
        events = self.ledger.events(job.id, limit=10_000)
        return [event.data["status"] for event in events if event.kind is EventKind.STATUS]

    def iterations(self, job: Job, attempt: int) -> list[float]:
        """That the events of an attempt have told of."""
        events = self.ledger.events(job.id, limit=10_000)
        told = [event.data for event in events if event.kind is EventKind.PROGRESS]
        return [data["losses"]["iteration"] for data in told if data["attempt"] == attempt and data["losses"]]

    def check_done(self, job: Job) -> Job:
        """It has ended once, with its result, and a curve without a step back."""
        done = self.wait_until_ended(job)
        assert (done.status, done.progress) == (JobStatus.DONE, 1.0)
        assert self.storage.get(done.result_key) == str(job.params["to"]).encode()
        assert self.statuses(job).count("done") == 1
        curve = [point["iteration"] for point in done.losses]
        assert curve == sorted(set(curve))
        return done

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
                worker.process.kill()
            worker.process.wait()
        self.dispatch.close()
        self.database.close()
