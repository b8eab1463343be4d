"""Ids go through the queue in order, on SQLite, PostgreSQL and Redis; whatever else lies in it is passed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.jobs.dispatch import Dispatch, QueueUnavailable
from app.jobs.job import new_job_id
from app.settings import Settings


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def dispatch(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Dispatch]:
    given = {"data_dir": tmp_path}
    if request.param != "sqlite":
        given[{"postgresql": "database_url", "redis": "redis_url"}[request.param]] = request.getfixturevalue(
            f"{request.param}_url"
        )
    dispatch = Dispatch(Settings(**given))
    dispatch.create()
    yield dispatch
    while dispatch.messages():
        dispatch.receive()
    dispatch.close()


def test_messages_come_by_priority_and_then_in_order(dispatch) -> None:
    ids = [new_job_id() for _ in range(5)]
    for job_id, priority in zip(ids, (0, 5, 0, -1, 5), strict=True):
        dispatch.send(job_id, priority)
    assert dispatch.messages() == 5
    assert [dispatch.receive() for _ in ids] == [ids[index] for index in (1, 4, 0, 2, 3)]


def test_an_empty_queue_gives_none(dispatch) -> None:
    assert dispatch.receive() is None
    assert dispatch.messages() == 0


def test_a_message_is_json_with_the_id_of_the_job_and_nothing_else_of_it(dispatch) -> None:
    job_id = new_job_id()
    dispatch.send(job_id, 3)
    [message] = dispatch._open()[0].storage.enqueued_items()
    fields = json.loads(message)
    assert fields[6] == [job_id]
    assert fields[5] == 3


@pytest.mark.parametrize("message", [b"", b"\x80\x05.", b"[]", b'["1", "os.system"]', b"{", b"null"])
def test_a_message_of_somebody_elses_is_passed_over(dispatch, message: bytes) -> None:
    dispatch._open()[0].storage.enqueue(message, 9)
    job_id = new_job_id()
    dispatch.send(job_id, 0)
    assert dispatch.receive() is None
    assert dispatch.receive() == job_id


def test_an_id_that_is_none_is_passed_over(dispatch) -> None:
    dispatch.send("'; DROP TABLE jobs", 0)
    assert dispatch.receive() is None


@pytest.mark.parametrize(
    "settings",
    [{"redis_url": "redis://127.0.0.1:9/0"}, {"database_url": "postgresql://nobody@127.0.0.1:9/none"}],
    ids=["redis", "postgresql"],
)
def test_a_queue_that_is_away_loses_a_message_and_no_job(settings: dict[str, str]) -> None:
    dispatch = Dispatch(Settings(**settings))
    dispatch.send(new_job_id(), 0)
    for ask in (
        dispatch.receive,
        dispatch.messages,
        dispatch.create if "database_url" in settings else dispatch.messages,
    ):
        with pytest.raises(QueueUnavailable):
            ask()


def test_a_queue_in_a_file_that_cannot_be_made_is_away(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(QueueUnavailable):
        Dispatch(Settings(data_dir=tmp_path / "data")).messages()
