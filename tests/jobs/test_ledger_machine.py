"""Any order of what clients, workers and sweeps do, against a model of it in a few lines."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from app.errors import OutOfMemory
from app.jobs.job import ENDED, Job, JobProgress, JobStatus, NewJob, new_job_id
from app.jobs.leases import LeaseLost, Leases
from app.jobs.ledger import Ledger, Quota
from app.jobs.reaper import Reaper
from app.sql.database import Database
from app.sql.migration import migrate
from app.sql.schema import jobs as jobs_table

MAX_ATTEMPTS = 2
WRITES = ("heartbeat", "finish", "fail", "retry", "release", "cancelled")


class LedgerMachine(RuleBasedStateMachine):
    """The model: who holds each job, how many attempts it had, and what its one end was."""

    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'jobs.sqlite'}")
        migrate(self.database)
        self.ledger = Ledger(self.database, expiry_seconds=60)
        self.leases = Leases(self.database, lease_seconds=60, retry_seconds=0, expiry_seconds=60)
        self.reaper = Reaper(self.database, expiry_seconds=60, history_seconds=60)
        self.status: dict[str, JobStatus] = {}
        self.attempts: dict[str, int] = {}
        self.holder: dict[str, int] = {}
        self.wanted: dict[str, bool] = {}
        self.results: dict[str, str] = {}
        self.claimed = 0

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    @rule(target=jobs)
    def create(self) -> str:
        new = NewJob(new_job_id(), "count", {}, max_attempts=MAX_ATTEMPTS)
        self.ledger.create(new, Quota(waiting=10_000, waiting_each=10_000))
        self.status[new.id], self.attempts[new.id], self.wanted[new.id] = JobStatus.QUEUED, 0, True
        return new.id

    @rule(target=claims, job=jobs, worker=st.sampled_from(["anna", "bert"]))
    def claim(self, job: str, worker: str) -> object:
        # A worker that released a job is about to end: its successor has another name.
        claimed = self.leases.claim(job, f"{worker}-{self.claimed}")
        assert (claimed is not None) == (self.status[job] is JobStatus.QUEUED)
        if claimed is None:
            return multiple()
        self.claimed += 1
        self.status[job] = JobStatus.RUNNING
        self.attempts[job] += 1
        self.holder[job] = self.claimed
        assert claimed.attempt == self.attempts[job] <= MAX_ATTEMPTS
        return claimed, self.claimed

    @rule(claim=claims, write=st.sampled_from(WRITES))
    def write(self, claim: tuple[Job, int], write: str) -> None:
        job, number = claim
        key = f"result-{number}"
        held = self.status[job.id] is JobStatus.RUNNING and self.holder[job.id] == number
        if not held and not (write == "finish" and self.results.get(job.id) == key):
            with pytest.raises(LeaseLost):
                self.call(job, write, key)
            return
        self.call(job, write, key)
        if held:
            self.after(job.id, write, key)

    def call(self, job: Job, write: str, key: str) -> None:
        match write:
            case "heartbeat":
                answer = self.leases.heartbeat(job, JobProgress())
                assert answer.cancel_requested != self.wanted[job.id]
            case "finish":
                self.leases.finish(job, key, "image/png", {})
            case "fail" | "retry":
                getattr(self.leases, write)(job, OutOfMemory())
            case _:
                getattr(self.leases, write)(job)

    def after(self, job: str, write: str, key: str) -> None:
        if write == "finish":
            self.status[job], self.results[job] = JobStatus.DONE, key
        elif write == "fail" or (write == "retry" and self.attempts[job] >= MAX_ATTEMPTS):
            self.status[job] = JobStatus.FAILED
        elif write == "cancelled":
            self.status[job] = JobStatus.CANCELLED
        elif write in ("retry", "release"):
            self.status[job] = JobStatus.QUEUED if self.wanted[job] else JobStatus.CANCELLED
            self.attempts[job] -= write == "release"

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        self.ledger.cancel(job)
        if self.status[job] is JobStatus.QUEUED:
            self.status[job] = JobStatus.CANCELLED
        if self.status[job] is JobStatus.RUNNING:
            self.wanted[job] = False

    @rule(job=jobs)
    def fall_silent(self, job: str) -> None:
        """The lease passes, and a sweep comes by."""
        with self.database.write() as connection:
            held = jobs_table.update().where(jobs_table.c.id == job, jobs_table.c.status == JobStatus.RUNNING)
            connection.execute(held.values(lease_until=0))
        taken = self.reaper.take_back()
        assert [found.id for found in taken] == ([job] if self.status[job] is JobStatus.RUNNING else [])
        if taken:
            last = self.wanted[job] and self.attempts[job] >= MAX_ATTEMPTS
            again = JobStatus.QUEUED if self.wanted[job] else JobStatus.CANCELLED
            self.status[job] = JobStatus.FAILED if last else again

    @invariant()
    def ledger_and_model_agree(self) -> None:
        for job in self.ledger.page(limit=1000):
            assert (job.status, job.attempt) == (self.status[job.id], self.attempts[job.id])
            assert job.result_key == self.results.get(job.id)
            assert (job.finished_at is not None) == (job.status in ENDED)
            assert (job.lease_until is not None) == (job.status is JobStatus.RUNNING)

    @invariant()
    def every_job_ends_once_and_its_events_have_no_gaps(self) -> None:
        for job in self.status:
            events = self.ledger.events(job)
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            ends = [event for event in events if event.data.get("status") in ENDED]
            assert len(ends) == (self.status[job] in ENDED)
            assert not ends or ends[0] is events[-1]


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
