"""What a task tells reaches the heartbeat, and what the heartbeat hears reaches the task."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.errors import InputLost, StorageUnavailable
from app.jobs.context import HandedOver, JobCancelled, JobContext
from app.jobs.heartbeat import Heartbeat
from app.jobs.job import input_key
from app.jobs.leases import LeaseLost
from app.storage.folder import Folder
from app.storage.seal import sealed


class Closed(Folder):
    def put(self, key: str, data: bytes) -> None:
        raise StorageUnavailable(private="closed")


@pytest.fixture
def storage(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "blobs")


@pytest.fixture
def context(embedded_desk, storage: Folder) -> JobContext:
    return attempt(embedded_desk, storage)


def attempt(desk, storage: Folder, job=None, checkpoint_seconds: float = 3600) -> JobContext:
    claimed = desk.leases.claim((job or desk.create(params={"to": 3})).id, "anna")
    return JobContext(claimed, desk.leases, storage, stopping=threading.Event(), checkpoint_seconds=checkpoint_seconds)


def heartbeat(context: JobContext, desk) -> Heartbeat:
    return Heartbeat(context, desk.leases, every_seconds=3600, stall_seconds=3600)


def test_inputs_and_params_are_the_jobs(context, storage) -> None:
    storage.put(input_key(context.job.id, "photo"), b"x")
    assert (context.params, context.input("photo")) == ({"to": 3}, b"x")
    with pytest.raises(InputLost, match="`absent`"):
        context.input("absent")


def test_an_input_that_is_not_what_was_sent_is_told_as_that(embedded_desk, storage) -> None:
    key = sealed("jobs/1/inputs/photo", b"photo")
    context = attempt(embedded_desk, storage, embedded_desk.create(inputs={"photo": key}))
    storage.put(key, b"photo")
    assert context.input("photo") == b"photo"
    for damaged in (b"phot", b"", b"phoTo"):
        storage.put(key, damaged)
        with pytest.raises(InputLost, match="not what was sent"):
            context.input("photo")


def test_what_is_reported_is_in_the_ledger_after_the_next_heartbeat(context, embedded_desk) -> None:
    context.report(0.25, iteration=1, losses={"total": 4.0})
    context.report(0.5, iteration=2, losses={"total": 2.0, "style": math.nan, "content": math.inf})
    heartbeat(context, embedded_desk).beat()
    job = embedded_desk.now(context.job)
    assert job.progress == 0.5
    assert job.losses == [{"iteration": 1, "total": 4.0}, {"iteration": 2, "total": 2.0}]
    assert job.eta_seconds >= 0
    assert job.seconds_per_iteration >= 0


def test_the_time_left_is_told_from_the_first_step_on_and_in_every_stage(embedded_desk, storage, monkeypatch) -> None:
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=1000.0)
    monkeypatch.setattr("app.jobs.context.time", clock)
    context = attempt(embedded_desk, storage)
    context.advance(0.0)
    assert context.progress.eta_seconds is None
    clock.now += 10
    context.advance(0.05)
    assert context.progress.eta_seconds == pytest.approx(190)
    clock.now += 40
    context.report(0.5, iteration=1, losses={})
    assert context.progress.eta_seconds == pytest.approx(50)
    context.report(0.5, iteration=2, losses={}, eta_seconds=7.0)
    assert context.progress.eta_seconds == 7
    clock.now += 50
    context.advance(0.9)
    assert context.progress.eta_seconds == pytest.approx(100 / 9)


def test_an_attempt_that_goes_on_tells_the_time_left_by_its_own_pace(embedded_desk, storage, monkeypatch) -> None:
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=1000.0)
    monkeypatch.setattr("app.jobs.context.time", clock)
    job = embedded_desk.create(params={"to": 3})
    first = attempt(embedded_desk, storage, job)
    first.advance(0.6)
    heartbeat(first, embedded_desk).beat()
    embedded_desk.leases.release(first.job)
    second = attempt(embedded_desk, storage, job)
    clock.now += 5
    second.advance(0.6)
    assert second.progress.eta_seconds is None
    clock.now += 5
    second.advance(0.7)
    assert second.progress.eta_seconds == pytest.approx(30)


def test_a_cancellation_reaches_the_task_with_its_next_report(context, embedded_desk) -> None:
    embedded_desk.ledger.cancel(context.job.id)
    context.report(0.1, iteration=1, losses={})
    heartbeat(context, embedded_desk).beat()
    with pytest.raises(JobCancelled):
        context.report(0.2, iteration=2, losses={})


def test_a_lost_lease_reaches_the_task_with_its_next_report(context, embedded_desk) -> None:
    embedded_desk.expire(context.job)
    embedded_desk.reaper.take_back()
    heartbeat(context, embedded_desk).beat()
    with pytest.raises(LeaseLost):
        context.report(0.1, iteration=1, losses={})


def test_a_checkpoint_is_what_the_next_attempt_begins_with(context, embedded_desk, storage) -> None:
    assert context.last_checkpoint() is None
    context.checkpoint(b"state")
    heartbeat(context, embedded_desk).beat()
    embedded_desk.leases.release(context.job)
    assert attempt(embedded_desk, storage, context.job).last_checkpoint() == b"state"


def test_a_damaged_checkpoint_is_none(context, embedded_desk, storage) -> None:
    context.checkpoint(b"state")
    heartbeat(context, embedded_desk).beat()
    embedded_desk.leases.release(context.job)
    key = embedded_desk.now(context.job).checkpoint_key
    storage.put(key, storage.get(key)[:-1])
    assert attempt(embedded_desk, storage, context.job).last_checkpoint() is None


def test_a_heartbeat_without_news_writes_nothing_but_the_lease(context, embedded_desk) -> None:
    beats = heartbeat(context, embedded_desk)
    context.report(0.5, iteration=1, losses={"total": 0.123456789})
    beats.beat()
    told = embedded_desk.now(context.job)
    embedded_desk.set(context.job, lease_until=0)
    beats.beat()
    again = embedded_desk.now(context.job)
    assert told.losses == [{"iteration": 1, "total": 0.12346}]
    assert (again.events, again.losses, again.lease_until > 0) == (told.events, told.losses, True)


def test_old_previews_go_and_the_one_in_the_ledger_stays(context, embedded_desk, storage) -> None:
    for picture in (b"1", b"2", b"3", b"4"):
        context.preview(picture)
    assert storage.get(embedded_desk.now(context.job).preview_key) == b"4"
    assert len(storage.list(f"jobs/{context.job.id}/")) == 2


def test_a_checkpoint_that_is_gone_is_none(context, embedded_desk, storage) -> None:
    embedded_desk.set(context.job, checkpoint_key="jobs/gone", status="queued")
    assert attempt(embedded_desk, storage, context.job).last_checkpoint() is None


def test_a_checkpoint_is_due_after_some_time_and_at_once_when_the_worker_stops(embedded_desk, storage) -> None:
    assert attempt(embedded_desk, storage, checkpoint_seconds=0).checkpoint_due
    context = attempt(embedded_desk, storage)
    assert not context.checkpoint_due
    context.stopping.set()
    assert context.checkpoint_due
    with pytest.raises(HandedOver):
        context.checkpoint(b"state")


def test_a_storage_that_is_closed_costs_no_more_than_the_checkpoint_and_the_preview(embedded_desk, tmp_path) -> None:
    context = attempt(embedded_desk, Closed(tmp_path))
    context.checkpoint(b"state")
    context.preview(b"jpeg")
    assert context.progress.checkpoint_key is None
    assert embedded_desk.now(context.job).preview_key is None


def test_a_preview_is_shown_at_once(context, embedded_desk, storage) -> None:
    context.preview(b"jpeg")
    assert storage.get(embedded_desk.now(context.job).preview_key) == b"jpeg"
    assert embedded_desk.ledger.events(context.job.id)[-1].kind == "preview"


def test_a_new_attempt_goes_on_with_the_curve_and_the_progress(context, embedded_desk, storage) -> None:
    context.report(0.5, iteration=1, losses={"total": 4.0})
    heartbeat(context, embedded_desk).beat()
    embedded_desk.leases.release(context.job)
    second = attempt(embedded_desk, storage, context.job)
    assert second.progress.fraction == 0.5
    second.report(0.6, iteration=2, losses={"total": 3.0})
    assert second.progress.losses == [{"iteration": 1, "total": 4.0}, {"iteration": 2, "total": 3.0}]
