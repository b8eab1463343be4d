"""What sweeping finds: silent workers, lost messages, and jobs past their time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from app.jobs.job import JobProgress, JobStatus
from app.jobs.statistics import KindStatistics, measure


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
    a, b = measure(desk.database)
    assert 90 <= a.oldest_waiting_seconds < 100
    assert a == KindStatistics("a", 1, a.oldest_waiting_seconds, 1, 0, 0, 3, 0.5, {"worker-lost": 2})
    assert b == KindStatistics("b", 0, 0.0, 0, 1, 0, 1, None, {})
