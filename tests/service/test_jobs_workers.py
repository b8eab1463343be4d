"""Workers as real processes that are killed, frozen and told to stop: no job is lost, and none ends twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from job_house import COUNTING_WORKER, QUICK, Build, JobHouse

from app.jobs.dispatch import RECEIVE_SECONDS
from app.jobs.heartbeat import HUNG
from app.jobs.job import EventKind, Job, JobStatus
from app.jobs.supervisor import Supervisor


def test_a_killed_workers_job_goes_on_from_its_checkpoint(build: Build, backend) -> None:
    house = build(**backend, **QUICK)
    kill_the_one_of_two_workers(house)


def test_with_the_defaults_a_killed_workers_job_goes_on_within_ten_seconds(build: Build) -> None:
    """The first sweep after the end of its lease takes it back; the settings say when that is at the latest."""
    house = build(job_checkpoint_seconds=0.1)
    assert house.settings.job_lease_seconds + house.settings.job_sweep_seconds + RECEIVE_SECONDS < 10
    job = kill_the_one_of_two_workers(house)
    [taken_back] = [line for worker in house.workers for line in worker.events("job_taken_back")]
    assert (taken_back["job"], taken_back["attempt"]) == (job.id, 1)


def kill_the_one_of_two_workers(house: JobHouse) -> Job:
    """The one that has the job. The other one is ready by then: to start takes seconds where much else runs."""
    workers = {str(worker.process.pid): worker for worker in (house.worker(), house.worker())}
    job = house.submit(to=60)
    owner = house.wait_until_checkpointed(job, 10).owner
    workers[owner.split("-")[-2]].signal(signal.SIGKILL)
    done = house.check_done(job)
    assert done.attempt == 2
    assert done.facts["started_at_iteration"] >= 10
    assert min(house.iterations(job, attempt=2)) > 10
    return done


def supervise(house: JobHouse) -> Supervisor:
    command = [sys.executable, str(COUNTING_WORKER), "--until-stdin-closes"]
    supervisor = Supervisor(1, house.environment(), command)
    supervisor.start()
    return supervisor


def test_a_worker_that_was_frozen_past_its_lease_cannot_write(build: Build, backend) -> None:
    house = build(**backend, **QUICK)
    frozen = house.worker()
    job = house.submit()
    house.wait_until_checkpointed(job)
    house.freeze(frozen)
    house.worker()
    done = house.check_done(job)
    frozen.signal(signal.SIGCONT)
    house.wait_for(lambda: frozen.events("late_write_refused"))
    assert house.now(job) == done
    assert done.facts["pid"] == house.workers[1].process.pid
    # It is as good as new.
    house.workers[1].signal(signal.SIGTERM)
    house.check_done(house.submit(to=1))


def test_a_stopped_worker_hands_its_job_over(build: Build, backend) -> None:
    house = build(**backend, **QUICK | {"job_checkpoint_seconds": 3600})
    first = house.worker()
    job = house.submit()
    house.wait_for(lambda: house.iterations(job, attempt=1))
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    waiting = house.now(job)
    assert (waiting.status, waiting.attempt) == (JobStatus.QUEUED, 0)
    house.worker()
    done = house.check_done(job)
    assert done.attempt == 1
    assert done.facts["started_at_iteration"] >= 1


def test_a_stopped_worker_does_not_wait_for_a_job_that_comes_to_no_checkpoint(build: Build) -> None:
    house = build(**QUICK)
    worker = house.worker()
    job = house.submit(hangs_at=3)
    house.wait_for(lambda: house.iterations(job, attempt=1))
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert (house.now(job).status, house.now(job).attempt) == (JobStatus.QUEUED, 0)


def test_a_running_job_is_cancelled_within_two_seconds(build: Build, backend) -> None:
    """The next heartbeat hears of it, and the next iteration ends the job."""
    house = build(**backend)
    assert house.settings.job_heartbeat_seconds < 2
    house.worker()
    job = house.submit(to=100_000)
    house.wait_for(lambda: house.now(job).status is JobStatus.RUNNING)
    house.ledger.cancel(job.id)
    assert house.wait_until_ended(job).status is JobStatus.CANCELLED
    *_, asked, _ended = [event for event in house.ledger.events(job.id) if event.kind is EventKind.STATUS]
    assert (asked.data["status"], asked.data["cancel_requested"]) == ("running", True)
    beats = [event for event in house.ledger.events(job.id, limit=10_000) if event.kind is EventKind.PROGRESS]
    assert sum(asked.at < event.at for event in beats) <= 2
    house.check_done(house.submit(to=1))


def test_a_job_that_hangs_ends_its_worker_and_not_the_queue(build: Build) -> None:
    house = build(**QUICK | {"job_stall_seconds": 0.5, "job_checkpoint_seconds": 60})
    first = house.worker()
    job = house.submit(hangs_at=3, max_attempts=1)
    assert first.wait() == HUNG
    house.worker()
    assert house.wait_until_ended(job).error_slug == "worker-lost"


def test_a_job_that_kills_its_workers_fails_and_the_others_are_done(build: Build) -> None:
    house = build(**QUICK | {"job_checkpoint_seconds": 60})  # an attempt with a checkpoint of its own does not count
    supervisor = supervise(house)
    poison = house.submit(dies_at=3, max_attempts=2, priority=9)
    others = [house.submit(to=5) for _ in range(5)]
    for job in others:
        assert house.check_done(job).attempt == 1
    failed = house.wait_until_ended(poison)
    supervisor.stop()
    assert (failed.status, failed.attempt, failed.error_slug) == (JobStatus.FAILED, 2, "worker-lost")


def test_a_job_that_raises_is_tried_again_and_fails_at_last(build: Build) -> None:
    house = build(**QUICK)
    worker = house.worker()
    job = house.submit(raises=True)
    other = house.submit(to=5)
    assert house.check_done(other).attempt == 1
    failed = house.wait_until_ended(job)
    assert (failed.status, failed.attempt, failed.error_slug) == (JobStatus.FAILED, 3, "internal-error")
    assert "as it was told to" not in failed.error_detail
    assert house.statuses(job) == ["queued", "running"] * 3 + ["failed"]
    assert worker.process.poll() is None


def test_two_workers_share_many_jobs_and_each_is_done_once(build: Build, backend) -> None:
    house = build(**backend, **QUICK)
    # Both first: the one that is ready sooner could do all of them before the other is.
    for _ in range(2):
        house.worker()
    jobs = [house.submit(to=2, seconds=0.01) for _ in range(40)]
    done = [house.check_done(job) for job in jobs]
    assert {job.attempt for job in done} == {1}
    assert len({job.facts["pid"] for job in done}) == 2


def test_jobs_of_a_higher_priority_are_run_first(build: Build, backend) -> None:
    house = build(**backend, **QUICK)
    jobs = {priority: house.submit(to=1, priority=priority) for priority in (0, 9, -9, 5)}
    house.worker()
    ended = {priority: house.check_done(job).finished_at for priority, job in jobs.items()}
    assert sorted(ended, key=lambda priority: ended[priority]) == [9, 5, 0, -9]


def pids(supervisor: Supervisor) -> list[int]:
    """Of the processes that run now."""
    return [process.pid for process in supervisor._processes.values() if process.poll() is None]


def test_a_worker_that_ends_is_started_again_and_all_end_with_the_supervisor(build: Build) -> None:
    house = build(**QUICK)
    supervisor = supervise(house)
    job = house.submit()
    house.wait_until_checkpointed(job)
    [killed] = pids(supervisor)
    os.kill(killed, signal.SIGKILL)
    done = house.check_done(job)
    assert done.attempt == 2
    assert done.facts["pid"] != killed
    [restarted] = pids(supervisor)
    left = house.submit(to=100_000)
    house.wait_until_checkpointed(left)
    supervisor.stop()
    assert pids(supervisor) == []
    with pytest.raises(ProcessLookupError):
        os.kill(restarted, 0)
    assert (house.now(left).status, house.now(left).attempt) == (JobStatus.QUEUED, 0)


SUPERVISED = """
import sys, time
from app.jobs.supervisor import Supervisor
from app.settings import Settings
supervisor = Supervisor(1, Settings().environment(), [sys.executable, sys.argv[1], "--until-stdin-closes"])
supervisor.start()
time.sleep(3600)
"""


def test_the_workers_of_a_killed_server_hand_their_jobs_over_and_end(build: Build) -> None:
    house = build(**QUICK)
    log = house.folder / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-c", SUPERVISED, str(COUNTING_WORKER)], env=house.environment(), stdout=output
        )
    try:
        job = house.submit(to=100_000)
        house.wait_until_checkpointed(job)
    finally:
        server.kill()
        server.wait()
    house.wait_for(lambda: "worker_stopped" in log.read_text())
    assert (house.now(job).status, house.now(job).attempt) == (JobStatus.QUEUED, 0)
