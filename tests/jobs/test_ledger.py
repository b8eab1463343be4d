"""Jobs are created once, within quotas, listed newest first, and cancelled or deleted whatever they do meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import IdempotencyConflict, TooManyJobs
from app.jobs import ledger
from app.jobs.job import JOB_ID, EventKind, JobProgress, JobStatus, NewJob, new_job_id
from app.jobs.ledger import News, Quota

ROOMY = Quota(waiting=1000, waiting_each=1000)


def new(**given) -> NewJob:
    return NewJob(**{"id": new_job_id(), "kind": "count", "params": {"to": 3}} | given)


def test_a_new_job_waits_with_everything_it_was_given(desk) -> None:
    given = new(principal="anna", priority=5, max_attempts=2)
    job, created = desk.ledger.create(given, ROOMY)
    assert created
    assert (job.id, job.kind, job.params, job.principal) == (given.id, "count", {"to": 3}, "anna")
    assert (job.status, job.attempt, job.progress, job.losses) == (JobStatus.QUEUED, 0, 0.0, [])
    assert desk.ledger.get(job.id) == job
    [event] = desk.ledger.events(job.id)
    assert (event.seq, event.kind, event.data["status"]) == (1, EventKind.STATUS, "queued")


def test_ids_are_uuids_that_sort_by_time() -> None:
    ids = [new_job_id() for _ in range(2000)]
    assert all(JOB_ID.fullmatch(job_id) for job_id in ids)
    assert [job_id[:13] for job_id in ids] == sorted(job_id[:13] for job_id in ids)
    assert len(set(ids)) == len(ids)


def test_the_same_key_and_body_give_the_same_job(desk) -> None:
    first, _ = desk.ledger.create(new(idempotency_key="k", body_hash="b"), ROOMY)
    again, created = desk.ledger.create(new(idempotency_key="k", body_hash="b"), ROOMY)
    assert (again.id, created) == (first.id, False)


def test_the_same_key_with_another_body_is_a_conflict(desk) -> None:
    desk.create(idempotency_key="k", body_hash="b")
    with pytest.raises(IdempotencyConflict):
        desk.ledger.create(new(idempotency_key="k", body_hash="c"), ROOMY)


def test_keys_of_other_principals_are_other_keys(desk) -> None:
    desk.create(principal="anna", idempotency_key="k", body_hash="b")
    desk.create(principal="bert", idempotency_key="k", body_hash="c")


def test_a_key_sent_many_times_at_once_makes_one_job(desk) -> None:
    start = threading.Barrier(8)

    def create(_: int):
        start.wait()
        return desk.ledger.create(new(idempotency_key="k", body_hash="b"), ROOMY)

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(create, range(8)))
    assert len({job.id for job, _ in made}) == 1
    assert sum(created for _, created in made) == 1


def test_no_more_jobs_wait_than_the_quota_has_even_at_once(desk) -> None:
    def create(_: int) -> bool:
        try:
            desk.ledger.create(new(), Quota(waiting=5, waiting_each=1000))
        except TooManyJobs:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(create, range(16))) == 5


def test_a_principal_has_a_quota_of_its_own(desk) -> None:
    quota = Quota(waiting=10, waiting_each=1)
    desk.create(principal="anna")
    with pytest.raises(TooManyJobs) as refused:
        desk.ledger.check_quota("anna", quota)
    assert refused.value.retry_after_seconds
    desk.ledger.check_quota("bert", quota)


def test_a_repetition_is_no_new_job_for_the_quota(desk) -> None:
    quota = Quota(waiting=1, waiting_each=1)
    first, _ = desk.ledger.create(new(idempotency_key="k"), quota)
    assert desk.ledger.create(new(idempotency_key="k"), quota) == (first, False)


def test_pages_are_newest_first_without_gaps_or_repetitions(desk) -> None:
    made = sorted((desk.create(principal="anna").id for _ in range(7)), reverse=True)
    desk.create(principal="bert")
    found: list[str] = []
    while page := desk.ledger.page(principal="anna", before=found[-1] if found else None, limit=3):
        found += [job.id for job in page]
    assert found == made


def test_pages_can_be_of_one_status_or_kind(desk) -> None:
    waiting, claimed, other = desk.create(), desk.create(), desk.create(kind="other")
    desk.leases.claim(claimed.id, "w")
    assert [job.id for job in desk.ledger.page(status=JobStatus.QUEUED, kind="count")] == [waiting.id]
    assert [job.id for job in desk.ledger.page(kind="other")] == [other.id]


def test_the_queue_is_ordered_by_priority_and_then_by_age(desk) -> None:
    low, old, young = desk.create(priority=-1), desk.create(), desk.create()
    high = desk.create(priority=3)
    for order, job in enumerate((low, old, young, high)):
        desk.set(job, queued_at=order)
    expected = [high.id, old.id, young.id, low.id]
    assert [job.id for job in desk.ledger.waiting(10)] == expected
    assert desk.ledger.queue_positions(expected) == {job_id: 1 + place for place, job_id in enumerate(expected)}
    desk.leases.claim(high.id, "w")
    assert desk.ledger.queue_positions([high.id, low.id]) == {low.id: 3}


def test_news_are_the_events_since_and_whether_more_can_come(desk) -> None:
    job = desk.leases.claim(desk.create().id, "w")
    idle = desk.create()
    news = desk.ledger.news({job.id: 1, idle.id: 1})
    assert news.keys() == {job.id}
    assert ([event.seq for event in news[job.id].events], news[job.id].over) == ([2], False)
    desk.leases.finish(job, "k", "image/png", {})
    last = desk.ledger.news({job.id: 2})[job.id]
    assert ([event.data["status"] for event in last.events], last.over) == (["done"], True)
    desk.reaper.forget_blobs(job.id)
    assert desk.ledger.news({job.id: 0})[job.id] == News((), over=True)
    desk.ledger.delete(job.id)
    assert desk.ledger.news({job.id: 3, idle.id: 1}) == {job.id: News((), over=True)}


def test_an_end_while_news_are_read_is_told_by_the_next_ones(desk, monkeypatch: pytest.MonkeyPatch) -> None:
    job = desk.leases.claim(desk.create().id, "w")
    read = ledger._events

    def end_first(*args):
        monkeypatch.setattr(ledger, "_events", read)
        desk.leases.finish(job, "k", "image/png", {})
        return read(*args)

    monkeypatch.setattr(ledger, "_events", end_first)
    news = desk.ledger.news({job.id: 1})[job.id]
    assert ([event.seq for event in news.events], news.over) == ([2], False)
    last = desk.ledger.news({job.id: 2})[job.id]
    assert ([event.data["status"] for event in last.events], last.over) == (["done"], True)


def test_a_waiting_job_is_cancelled_at_once(desk) -> None:
    job = desk.create()
    cancelled = desk.ledger.cancel(job.id)
    assert cancelled.status is JobStatus.CANCELLED
    assert cancelled.finished_at is not None
    assert cancelled.expires_at - cancelled.finished_at == pytest.approx(3_600_000, abs=50)
    assert desk.leases.claim(job.id, "w") is None


def test_a_running_job_hears_of_its_cancellation_with_the_next_heartbeat(desk) -> None:
    job = desk.leases.claim(desk.create().id, "w")
    asked = desk.ledger.cancel(job.id)
    assert (asked.status, asked.cancel_requested, asked.finished_at) == (JobStatus.RUNNING, True, None)
    assert desk.leases.heartbeat(job, JobProgress()).cancel_requested
    assert desk.leases.cancelled(job).status is JobStatus.CANCELLED


def test_cancelling_what_has_ended_changes_nothing(desk) -> None:
    job = desk.leases.claim(desk.create().id, "w")
    done = desk.leases.finish(job, "k", "image/png", {})
    assert desk.ledger.cancel(job.id) == done
    assert desk.ledger.cancel(new_job_id()) is None


def test_only_what_has_ended_is_deleted_and_its_events_with_it(desk) -> None:
    job = desk.create()
    assert not desk.ledger.delete(job.id)
    desk.ledger.cancel(job.id)
    assert desk.ledger.delete(job.id)
    assert desk.ledger.get(job.id) is None
    assert desk.ledger.events(job.id) == []


def test_events_are_numbered_without_gaps_and_can_be_resumed(desk) -> None:
    job = desk.leases.claim(desk.create().id, "w")
    desk.leases.heartbeat(job, JobProgress(0.25, losses=[{"iteration": 1, "total": 2.0}]))
    desk.leases.preview(job, "p")
    desk.leases.finish(job, "k", "image/png", {})
    events = desk.ledger.events(job.id)
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert [event.kind for event in events] == ["status", "status", "progress", "preview", "status"]
    assert events[2].data["losses"] == {"iteration": 1, "total": 2.0}
    assert events[-1].data["status"] == "done"
    assert desk.ledger.events(job.id, after=3) == events[3:]
    assert desk.ledger.events(job.id, after=1, limit=2) == events[1:3]
