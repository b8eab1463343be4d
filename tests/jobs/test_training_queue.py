"""Trainings come out of the ledger, to one worker of a device at a time."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from app.jobs import training_queue
from app.jobs.dispatch import QueueUnavailable
from app.jobs.training_queue import TrainingQueue
from app.settings import Settings


@pytest.fixture
def queue(embedded_desk, sqlite_url, tmp_path, monkeypatch):
    """queue(): another worker's, on this machine's CPU."""
    monkeypatch.setattr(training_queue, "POLL_SECONDS", 0)
    opened: list[TrainingQueue] = []

    def open_queue(**settings) -> TrainingQueue:
        given = {"data_dir": tmp_path / "data", "database_url": sqlite_url, "device": "cpu"}
        opened.append(TrainingQueue(Settings(**given | settings)))
        return opened[-1]

    yield open_queue
    for each in opened:
        each.close()


def test_the_training_that_waits_longest_comes_first_and_no_other_job(embedded_desk, queue) -> None:
    embedded_desk.create(kind="gatys", priority=9)
    first, second = embedded_desk.create(kind="training"), embedded_desk.create(kind="training")
    mine = queue()
    assert mine.receive() == first.id
    embedded_desk.leases.claim(first.id, "me")
    assert mine.receive() == second.id
    urgent = embedded_desk.create(kind="training", priority=1)
    assert mine.receive() == urgent.id
    for job in (second, urgent):
        embedded_desk.ledger.cancel(job.id)
    assert mine.receive() is None


def test_one_worker_of_a_device_gets_trainings_until_it_ends(embedded_desk, queue, tmp_path) -> None:
    job = embedded_desk.create(kind="training")
    first, second, elsewhere = queue(), queue(), queue(data_dir=tmp_path / "elsewhere")
    assert [first.receive(), second.receive(), second.receive(), elsewhere.receive()] == [job.id, None, None, job.id]
    first.close()
    assert second.receive() == job.id
    assert first.receive() is None


def test_without_a_folder_that_can_be_written_trainings_wait_and_the_log_says_so_once(
    embedded_desk, queue, tmp_path
) -> None:
    job = embedded_desk.create(kind="training")
    (tmp_path / "a file").write_bytes(b"")
    mine = queue(data_dir=tmp_path / "a file" / "data")
    with capture_logs() as logged:
        assert [mine.receive(), mine.receive()] == [None, None]
    [line] = logged
    assert line["event"] == "trainings_wait"
    assert line["reason"].startswith("Trainings wait until PASTICHE_DATA_DIR can be written: ")
    (tmp_path / "a file").unlink()
    assert mine.receive() == job.id


def test_there_are_no_messages_to_lose(embedded_desk, queue) -> None:
    job = embedded_desk.create(kind="training")
    mine = queue()
    mine.send(job.id, 0)
    with pytest.raises(QueueUnavailable):
        mine.messages()
