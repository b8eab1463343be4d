"""A job is one worker's at a time: what comes from any other one changes nothing, and it is told so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import OutOfMemory, StorageUnavailable
from app.jobs.job import JobProgress, JobStatus, attempt_key
from app.jobs.leases import LeaseLost, Leases
from app.sql.database import Database

FULL = JobProgress(
    fraction=0.5,
    eta_seconds=3.0,
    seconds_per_iteration=0.25,
    losses=[{"iteration": 1, "total": 2.0}],
    preview_key="p",
    checkpoint_key="c",
)


def running(desk, **given):
    return desk.leases.claim(desk.create(**given).id, "anna")


def test_claiming_counts_the_attempt_and_takes_a_lease(desk) -> None:
    waiting = desk.create()
    job = desk.leases.claim(waiting.id, "anna")
    assert (job.status, job.owner, job.attempt) == (JobStatus.RUNNING, "anna", 1)
    assert job.lease_until - job.started_at == 60_000
    assert job.started_at >= waiting.created_at


def test_of_many_claims_at_once_one_is_granted(desk) -> None:
    job = desk.create()
    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda name: desk.leases.claim(job.id, f"w{name}"), range(8)))
    assert len([claim for claim in claims if claim]) == 1


def test_nothing_is_claimed_by_the_id_of_no_job(desk) -> None:
    assert desk.leases.claim("0", "anna") is None


def test_a_heartbeat_carries_the_progress_and_renews_the_lease(desk) -> None:
    job = running(desk)
    desk.set(job, lease_until=0)
    beaten = desk.leases.heartbeat(job, FULL)
    assert beaten.lease_until > job.started_at + 59_000
    told = (
        beaten.progress,
        beaten.eta_seconds,
        beaten.seconds_per_iteration,
        beaten.preview_key,
        beaten.checkpoint_key,
    )
    assert told == (0.5, 3.0, 0.25, "p", "c")
    assert beaten.losses == [{"iteration": 1, "total": 2.0}]


def test_a_heartbeat_without_a_new_checkpoint_keeps_the_old_one(desk) -> None:
    job = running(desk)
    desk.leases.heartbeat(job, FULL)
    assert desk.leases.heartbeat(job, JobProgress()).checkpoint_key == "c"


def test_a_result_is_published_with_what_is_known_of_it(desk) -> None:
    done = desk.leases.finish(running(desk), "key", "image/png", {"width": 3})
    assert (done.status, done.result_key, done.media_type, done.facts) == (
        JobStatus.DONE,
        "key",
        "image/png",
        {"width": 3},
    )
    assert (done.progress, done.eta_seconds, done.lease_until) == (1.0, 0.0, None)
    assert done.expires_at - done.finished_at == 3_600_000


def test_publishing_again_is_harmless_and_publishing_another_one_refused(desk) -> None:
    job = running(desk)
    done = desk.leases.finish(job, "key", "image/png", {})
    assert desk.leases.finish(job, "key", "image/png", {}) == done
    with pytest.raises(LeaseLost):
        desk.leases.finish(job, "other", "image/png", {})
    assert desk.now(job) == done


@pytest.mark.parametrize(
    "write",
    [
        lambda leases, job: leases.heartbeat(job, FULL),
        lambda leases, job: leases.preview(job, "p"),
        lambda leases, job: leases.finish(job, "late", "image/png", {}),
        lambda leases, job: leases.fail(job, OutOfMemory()),
        lambda leases, job: leases.retry(job, OutOfMemory()),
        lambda leases, job: leases.release(job),
        lambda leases, job: leases.cancelled(job),
    ],
    ids=["heartbeat", "preview", "finish", "fail", "retry", "release", "cancelled"],
)
@pytest.mark.parametrize("then", ["taken over", "taken over by itself", "ended", "deleted"])
def test_a_worker_that_lost_its_lease_writes_nothing(desk, write, then: str) -> None:
    late = running(desk)
    desk.expire(late)
    desk.reaper.take_back()
    if then == "taken over":
        desk.leases.claim(late.id, "bert")
    elif then == "taken over by itself":
        desk.leases.claim(late.id, "anna")
    else:
        desk.ledger.cancel(late.id)
    if then == "deleted":
        desk.ledger.delete(late.id)
    before, events = desk.ledger.get(late.id), desk.ledger.events(late.id)
    with pytest.raises(LeaseLost):
        write(desk.leases, late)
    assert desk.ledger.get(late.id) == before
    assert desk.ledger.events(late.id) == events


def test_a_failure_is_told_with_its_slug_and_public_sentence(desk) -> None:
    job = running(desk)
    failed = desk.leases.fail(job, OutOfMemory("Too large.", private="secret"))
    assert (failed.status, failed.error_slug, failed.error_detail) == (JobStatus.FAILED, "out-of-memory", "Too large.")
    assert desk.ledger.events(job.id)[-1].data["error"] == {"slug": "out-of-memory", "detail": "Too large."}


def test_a_retry_waits_longer_each_time_and_fails_at_last(desk) -> None:
    job = desk.create(max_attempts=3)
    pauses = []
    for _ in range(2):
        claimed = desk.leases.claim(job.id, "anna")
        queued = desk.leases.retry(claimed, StorageUnavailable())
        pauses.append(queued.available_at - queued.queued_at)
        assert desk.leases.claim(job.id, "anna") is None
        desk.set(job, available_at=0)
    assert pauses == [60_000, 240_000]
    failed = desk.leases.retry(desk.leases.claim(job.id, "anna"), StorageUnavailable())
    assert (failed.status, failed.attempt, failed.error_slug) == (JobStatus.FAILED, 3, "storage-unavailable")


def test_a_released_job_waits_as_if_the_attempt_had_not_been_and_keeps_its_checkpoint(desk) -> None:
    job = running(desk)
    desk.leases.heartbeat(job, FULL)
    queued = desk.leases.release(job)
    assert (queued.status, queued.attempt, queued.checkpoint_key) == (JobStatus.QUEUED, 0, "c")
    assert desk.leases.claim(job.id, "bert").attempt == 1


@pytest.mark.parametrize("give_back", ["retry", "release", "sweep"])
def test_a_job_that_is_given_back_after_it_was_cancelled_does_not_wait_again(desk, give_back: str) -> None:
    job = running(desk)
    desk.ledger.cancel(job.id)
    if give_back == "retry":
        desk.leases.retry(job, OutOfMemory())
    elif give_back == "release":
        desk.leases.release(job)
    else:
        desk.expire(job)
        desk.reaper.take_back()
    ended = desk.now(job)
    assert ended.status is JobStatus.CANCELLED
    assert ended.expires_at - ended.finished_at == 3_600_000


def test_attempts_write_under_keys_of_their_own(desk) -> None:
    job = running(desk)
    first = attempt_key(job, "result")
    desk.leases.release(job)
    second = attempt_key(desk.leases.claim(job.id, "bert"), "result")
    assert first == f"jobs/{job.id}/attempts/1-anna/result"
    assert second == f"jobs/{job.id}/attempts/1-bert/result"


def test_times_are_the_databases_own(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = running(desk)
    monkeypatch.setattr("time.time", lambda: 0.0)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    later = desk.leases.heartbeat(job, FULL)
    assert later.lease_until >= job.lease_until
    assert 1.7e12 < job.started_at < 4e12


def test_a_lease_of_less_than_a_second_is_kept_to_the_millisecond(migrated: Database, desk) -> None:
    short = Leases(migrated, lease_seconds=0.25, retry_seconds=1, expiry_seconds=1)
    job = short.claim(desk.create().id, "anna")
    assert job.lease_until - job.started_at == 250
