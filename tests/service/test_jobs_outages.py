"""What the workers need goes away and comes back: the database, the queue, the storage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cable import Cable
from job_house import QUICK, Build
from redis_server import RedisServer

from app.jobs.dispatch import QueueUnavailable
from app.jobs.job import JobStatus


@pytest.fixture
def cable(empty_postgresql_url: str) -> Iterator[Cable]:
    address = urlsplit(empty_postgresql_url)
    cable = Cable(address.hostname or "", address.port or 5432)
    yield cable
    cable.close()


@pytest.fixture
def cut_off(cable: Cable, empty_postgresql_url: str) -> dict[str, str]:
    """Settings of a worker that reaches the database through the cable alone."""
    address = urlsplit(empty_postgresql_url)
    return {"database_url": address._replace(netloc=f"{address.username}@127.0.0.1:{cable.port}").geturl()}


def test_a_worker_that_is_cut_off_from_the_database_works_on_and_publishes_once_it_is_back(
    build: Build, cable: Cable, cut_off, empty_postgresql_url: str
) -> None:
    house = build(database_url=empty_postgresql_url, **QUICK | {"job_lease_seconds": 60})
    worker = house.worker(**cut_off)
    job = house.submit(to=20)
    house.wait_for(lambda: house.iterations(job, attempt=1))
    cable.cut()
    # It has come to its end meanwhile, and insists.
    house.wait_for(lambda: worker.events("ledger_unavailable"))
    assert house.now(job).status is JobStatus.RUNNING
    cable.join()
    assert house.check_done(job).attempt == 1
    house.check_done(house.submit(to=1))
    assert worker.process.poll() is None


def test_a_job_of_a_worker_that_stays_cut_off_goes_on_elsewhere(
    build: Build, cable: Cable, cut_off, empty_postgresql_url: str
) -> None:
    house = build(database_url=empty_postgresql_url, **QUICK)
    lonely = house.worker(**cut_off)
    job = house.submit()
    house.wait_until_checkpointed(job)
    cable.cut()
    other = house.worker()
    done = house.check_done(job)
    assert (done.attempt, done.facts["pid"]) == (2, other.process.pid)
    cable.join()
    house.wait_for(lambda: lonely.events("late_write_refused"))
    assert house.now(job) == done


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


def test_jobs_run_while_redis_is_away_and_after_it_came_back_empty(build: Build, redis_server: RedisServer) -> None:
    house = build(redis_url=redis_server.url, **QUICK)
    lost = [house.submit(to=1) for _ in range(5)]
    assert house.dispatch.messages() == 5
    redis_server.stop()
    with pytest.raises(QueueUnavailable):
        house.dispatch.messages()
    worker = house.worker()
    unsent = house.submit(to=1)
    for job in (*lost, unsent):
        house.check_done(job)
    redis_server.start()
    house.wait_for(lambda: worker.events("queue_available"))
    house.check_done(house.submit(to=1))
    assert len(worker.events("queue_unavailable")) == 1


def test_a_flushed_queue_and_doubled_messages_do_no_harm(build: Build, backend) -> None:
    house = build(**backend, **QUICK)
    jobs = [house.submit(to=1) for _ in range(5)]
    while house.dispatch.messages():
        house.dispatch.receive()
    house.worker()
    for job in jobs:
        assert house.check_done(job).attempt == 1
    doubled = house.submit(to=1)
    for _ in range(5):
        house.dispatch.send(doubled.id, 0)
    assert house.check_done(doubled).attempt == 1
    house.wait_for(lambda: house.dispatch.messages() == 0)
    assert house.statuses(doubled) == ["queued", "running", "done"]


def block(folder: Path) -> Path:
    """Where the folder of all jobs' blobs would be, a file is: no user may write below that, not even root."""
    blocker = folder / "blobs" / "jobs"
    blocker.parent.mkdir(parents=True)
    blocker.touch()
    return blocker


def test_a_result_that_cannot_be_stored_is_stored_when_it_can(build: Build) -> None:
    house = build(**QUICK)
    blocker = block(house.folder)
    worker = house.worker()
    job = house.submit(to=4)
    house.wait_for(lambda: worker.events("result_not_stored"))
    assert worker.events("checkpoint_not_stored")  # and passed over
    blocker.unlink()
    assert house.check_done(job).attempt == 1


def test_a_result_that_could_not_be_stored_is_made_again(build: Build) -> None:
    house = build(**QUICK | {"job_retry_seconds": 1, "job_outage_seconds": 0})
    blocker = block(house.folder)
    worker = house.worker()
    job = house.submit(to=4)
    house.wait_for(lambda: worker.events("job_attempt_failed"))
    blocker.unlink()
    assert house.check_done(job).attempt >= 2


def test_a_storage_that_stays_closed_fails_the_job_with_that_reason(build: Build) -> None:
    house = build(**QUICK | {"job_outage_seconds": 0})
    block(house.folder)
    house.worker()
    failed = house.wait_until_ended(house.submit(to=1, max_attempts=2))
    assert (failed.status, failed.attempt, failed.error_slug) == (JobStatus.FAILED, 2, "storage-unavailable")
    assert failed.result_key is None
