"""A worker that a test moves by hand, step by step, on the ledger of a running application."""

from __future__ import annotations

from app.jobs.job import Job, JobProgress, attempt_key
from app.jobs.leases import Leases
from app.jobs.ledger import Ledger
from app.jobs.reaper import Reaper
from app.settings import Settings
from app.sql.database import Database
from app.sql.schema import jobs
from app.storage.blobs import open_storage


class HandWorker:
    def __init__(self, settings: Settings) -> None:
        self.database = Database(settings.ledger_url)
        self.storage = open_storage(settings.blobs_url)
        self.ledger = Ledger(self.database, expiry_seconds=3600)
        self.leases = Leases(self.database, lease_seconds=60, retry_seconds=60, expiry_seconds=3600)
        self.reaper = Reaper(self.database, expiry_seconds=3600, history_seconds=7200)

    def claim(self, job_id: str) -> Job:
        job = self.leases.claim(job_id, "hand")
        assert job is not None
        return job

    def advance(self, job: Job, iterations: int, of: int = 10) -> None:
        curve = [{"iteration": n, "total": 1 / n, "style": 0.5 / n} for n in range(1, iterations + 1)]
        self.leases.heartbeat(
            job, JobProgress(iterations / of, eta_seconds=2.5, seconds_per_iteration=0.5, losses=curve)
        )

    def show(self, job: Job, picture: bytes) -> None:
        key = attempt_key(job, "preview.jpg")
        self.storage.put(key, picture)
        self.leases.preview(job, key)

    def finish(self, job: Job, picture: bytes, media_type: str = "image/png") -> None:
        key = attempt_key(job, "result")
        self.storage.put(key, picture)
        self.leases.finish(job, key, media_type, {"width": 48})

    def expire(self, job: Job) -> None:
        """What a sweep does to a job that ended long ago."""
        self.storage.delete_prefix(f"jobs/{job.id}/")
        self.reaper.forget_blobs(job.id)

    def empty(self) -> None:
        with self.database.write() as connection:
            connection.execute(jobs.delete())
        self.storage.delete_prefix("jobs/")
