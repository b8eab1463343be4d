"""What sweeping finds: silent workers, lost messages, and jobs past their time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from app.errors import LedgerUnavailable
from app.jobs.job import JobProgress, JobStatus, attempt_key, input_key
from app.jobs.reaper import ReaperThread
from app.jobs.statistics import KindStatistics, measure
from app.jobs.training_queue import TrainingQueue
from app.model_store.version_rows import VersionRows
from app.settings import Settings
from app.storage.folder import Folder


def running(desk, **given):
    return desk.leases.claim(desk.create(**given).id, "anna")


def test_a_silent_workers_job_waits_again_at_the_end_of_the_queue(desk) -> None:
    job = running(desk)
    desk.leases.heartbeat(job, JobProgress(0.5, checkpoint_key="c"))
    desk.set(job, queued_at=0)
    other = desk.create()
    desk.expire(job)
    [taken] = desk.reaper.take_back()
    assert (taken.id, taken.status, taken.attempt, taken.checkpoint_key) == (job.id, JobStatus.QUEUED, 1, "c")
    assert [waiting.id for waiting in desk.ledger.waiting(9)] == [other.id, job.id]


def test_a_job_whose_lease_is_good_is_left_alone(desk) -> None:
    running(desk)
    assert desk.reaper.take_back() == []


def test_a_job_is_taken_back_once_by_many_sweeps_at_once(desk) -> None:
    jobs = [running(desk) for _ in range(5)]
    for job in jobs:
        desk.expire(job)
    with ThreadPoolExecutor(8) as threads:
        taken = [job.id for found in threads.map(lambda _: desk.reaper.take_back(), range(8)) for job in found]
    assert sorted(taken) == sorted(job.id for job in jobs)


def test_a_job_that_took_its_worker_with_it_for_the_last_time_fails_with_the_reason(desk) -> None:
    job = running(desk, max_attempts=1)
    desk.expire(job)
    [failed] = desk.reaper.take_back()
    assert (failed.status, failed.error_slug) == (JobStatus.FAILED, "worker-lost")
    assert failed.finished_at is not None
    assert desk.ledger.events(job.id)[-1].data["error"]["slug"] == "worker-lost"


def test_a_lost_message_is_found_once_it_is_late(desk) -> None:
    late, fresh = desk.create(), desk.create()
    desk.set(late, dispatched_at=0)
    assert [job.id for job in desk.reaper.undispatched(messages=0, grace_seconds=60)] == [late.id]
    # It is on its way again.
    assert desk.reaper.undispatched(messages=0, grace_seconds=60) == []
    assert desk.now(fresh).dispatched_at == fresh.dispatched_at


def test_no_message_is_doubled_while_there_are_enough(desk) -> None:
    for _ in range(3):
        desk.set(desk.create(), dispatched_at=0)
    assert desk.reaper.undispatched(messages=3, grace_seconds=0) == []
    assert len(desk.reaper.undispatched(messages=2, grace_seconds=0)) == 3


def test_a_job_that_is_to_wait_is_not_sent_before(desk) -> None:
    job = desk.create()
    desk.set(job, dispatched_at=0, available_at=job.created_at + 3_600_000)
    assert desk.reaper.undispatched(messages=0, grace_seconds=0) == []


def test_blobs_and_events_of_old_jobs_go_first_and_their_rows_later(desk) -> None:
    waiting, old, fresh = desk.create(), desk.create(), desk.create()
    for job in (old, fresh):
        desk.ledger.cancel(job.id)
    desk.set(old, expires_at=desk.now(fresh).finished_at - 1)
    assert desk.reaper.expired() == [old.id]
    desk.reaper.forget_blobs(old.id)
    assert desk.now(old).blobs_deleted
    assert desk.ledger.events(old.id) == []
    assert desk.reaper.expired() == []
    assert desk.reaper.forget_history() == 0
    desk.set(old, expires_at=0)
    assert desk.reaper.forget_history() == 1
    assert desk.ledger.get(old.id) is None
    assert {job.id for job in desk.ledger.page()} == {waiting.id, fresh.id}


def test_statistics_count_by_kind_and_by_reason(desk) -> None:
    for job in (running(desk, kind="a", max_attempts=1), running(desk, kind="a", max_attempts=1)):
        desk.expire(job)
    desk.reaper.take_back()
    desk.leases.heartbeat(running(desk, kind="a"), JobProgress(seconds_per_iteration=0.5))
    waiting = desk.create(kind="a")
    desk.set(waiting, queued_at=waiting.created_at - 90_000)
    desk.leases.finish(running(desk, kind="b"), "k", "image/png", {})
    a, b = measure(desk.database).kinds
    assert 90 <= a.oldest_waiting_seconds < 900  # milliseconds would be 90,000
    assert a == KindStatistics("a", 1, a.oldest_waiting_seconds, 1, 0, 0, 3, 0.5, {"worker-lost": 2})
    assert b == KindStatistics("b", 0, 0.0, 0, 1, 0, 1, None, {})


def die(desk, job, checkpoint: str | None = None):
    """The job after its worker has died, with a checkpoint of this attempt or without a new one; claimed again."""
    if checkpoint is not None:
        desk.leases.heartbeat(job, JobProgress(0.5, checkpoint_key=attempt_key(job, checkpoint)))
    desk.expire(job)
    [taken] = desk.reaper.take_back()
    return desk.leases.claim(job.id, "bert") or taken


def test_an_attempt_that_came_further_does_not_count_against_its_job(desk) -> None:
    job = running(desk, max_attempts=2)
    for attempt in range(2, 7):
        job = die(desk, job, "checkpoint")
        assert (job.status, job.attempt, job.fruitless) == (JobStatus.RUNNING, attempt, 0)
    job = die(desk, job)
    assert (job.status, job.fruitless) == (JobStatus.RUNNING, 1)  # the old checkpoint is no progress of this attempt
    job = die(desk, job, "checkpoint")
    assert (job.status, job.fruitless) == (JobStatus.RUNNING, 1)
    job = die(desk, job)
    assert (job.status, job.error_slug) == (JobStatus.FAILED, "worker-lost")


def test_a_failure_after_progress_does_not_count_either(desk) -> None:
    job = running(desk, max_attempts=1)
    desk.leases.heartbeat(job, JobProgress(0.5, checkpoint_key=attempt_key(job, "checkpoint")))
    again = desk.leases.retry(job, LedgerUnavailable())
    assert (again.status, again.fruitless) == (JobStatus.QUEUED, 0)
    desk.set(again, available_at=0)
    failed = desk.leases.retry(desk.leases.claim(job.id, "anna"), LedgerUnavailable())
    assert (failed.status, failed.error_slug) == (JobStatus.FAILED, "ledger-unavailable")


def test_no_job_is_begun_for_ever(desk) -> None:
    job = running(desk)
    desk.set(job, attempt=100)
    job = desk.now(job)
    assert die(desk, job, "checkpoint").status is JobStatus.FAILED


def test_figures_of_ended_jobs_outlive_their_rows(desk) -> None:
    for _ in range(3):
        job = running(desk)
        desk.leases.finish(job, "k", "image/png", {})
        assert desk.ledger.delete(job.id)
    desk.ledger.cancel(desk.create().id)
    [count] = measure(desk.database).kinds
    assert (count.done, count.cancelled, count.attempts) == (3, 1, 3)


def id_of_age(seconds: float) -> str:
    made = f"{int((time.time() - seconds) * 1000):012x}"
    return f"{made[:8]}-{made[8:]}-7000-8000-000000000000"


def test_pictures_of_jobs_that_never_came_to_be_are_deleted_after_a_day(desk, tmp_path) -> None:
    storage = Folder(tmp_path)
    known = desk.create(id=id_of_age(200_000))
    lost, fresh = id_of_age(100_000), id_of_age(3600)
    for job_id in (known.id, lost, fresh):
        storage.put(f"jobs/{job_id}/inputs/photo", b"x")
    versions = VersionRows(desk.database)
    ReaperThread(desk.reaper, versions, TrainingQueue(Settings(data_dir=tmp_path)), storage, 1).tidy()
    assert storage.folders("jobs/") == sorted([known.id, fresh])


def test_what_is_taken_back_for_the_last_time_leaves_no_checkpoints(desk, tmp_path) -> None:
    storage = Folder(tmp_path)
    settings = Settings(data_dir=tmp_path / "data")
    failed, cancelled, waiting = running(desk, max_attempts=1), running(desk), running(desk)
    for job in (failed, cancelled, waiting):
        for name in ("checkpoint", "segments/00000", "preview.jpg"):
            storage.put(attempt_key(job, name), b"x")
        desk.set(job, preview_key=attempt_key(job, "preview.jpg"))
        storage.put(input_key(job.id, "photo"), b"x")
        desk.expire(job)
    desk.ledger.cancel(cancelled.id)
    thread = ReaperThread(desk.reaper, VersionRows(desk.database), TrainingQueue(settings), storage, 60)
    thread.once()
    assert desk.now(failed).status is JobStatus.FAILED
    assert storage.list(f"jobs/{failed.id}/") == sorted(
        [attempt_key(failed, "preview.jpg"), input_key(failed.id, "photo")]
    )
    assert storage.list(f"jobs/{cancelled.id}/") == []
    assert len(storage.list(f"jobs/{waiting.id}/")) == 4
