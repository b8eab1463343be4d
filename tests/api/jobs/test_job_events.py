"""Events: all of them, in order, once, to everybody who reads, however slowly; and an end."""

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from job_requests import make, problem
from jsonschema import Draft202012Validator

from app.api.backend import Backend
from app.api.jobs import event_hub
from app.api.jobs import events as events_route
from app.api.jobs.event_hub import EventHub, FollowedJob
from app.errors import LedgerUnavailable, Overloaded, TooManyRequests, TrainingFailed
from app.jobs.job import Event, EventKind
from app.jobs.ledger import News


@pytest.fixture
def made(client, photo, painting, worker):
    return make(client, photo, painting)


def parse(text):
    """Fields of each event, comments and `retry` left out."""
    blocks = [block.strip().splitlines() for block in text.split("\n\n") if "event: " in block]
    events = [dict(line.split(": ", 1) for line in block) for block in blocks]
    return [(int(event["id"]), event["event"], json.loads(event["data"])) for event in events]


def follow(client, made, last=None):
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    return client.get(made["links"]["events"], headers=headers)


def run_to_its_end(worker, made, heartbeats=5):
    job = worker.claim(made["id"])
    for iterations in range(1, heartbeats + 1):
        worker.advance(job, iterations)
    worker.show(job, b"jpeg")
    worker.finish(job, b"png")


def test_the_whole_story_of_a_job_that_has_ended(client, made, worker):
    run_to_its_end(worker, made, heartbeats=2)
    response = follow(client, made)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    events = parse(response.text)
    assert [(seq, name) for seq, name, _ in events] == [
        (1, "status"),
        (2, "status"),
        (3, "progress"),
        (4, "progress"),
        (5, "preview"),
        (6, "end"),
    ]
    assert events[3][2]["losses"] == {"iteration": 2, "total": 0.5, "style": 0.25}
    assert events[4][2]["preview"] == made["links"]["self"] + "/preview"
    assert (events[5][2]["status"], events[5][2]["result"]) == ("done", made["links"]["self"] + "/result")


def test_all_events_are_what_the_document_says(client, photo, painting, worker):
    document = client.get("/openapi.json").json()
    media = document["paths"]["/v1/jobs/{job_id}/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    schema = Draft202012Validator(media["schema"] | {"components": document["components"]})

    def told(text):
        return [{"id": seq, "event": name, "data": data} for seq, name, data in parse(text)]

    done, failed, cancelled, expired = (make(client, photo, painting) for _ in range(4))
    run_to_its_end(worker, done, heartbeats=1)
    worker.leases.fail(worker.claim(failed["id"]), TrainingFailed("The reason."))
    client.delete(cancelled["links"]["self"])
    run_to_its_end(worker, expired)
    worker.expire(worker.ledger.get(expired["id"]))
    stories = [told(follow(client, job).text) for job in (done, failed, cancelled, expired)]
    assert [story[-1]["data"]["status"] for story in stories] == ["done", "failed", "cancelled", "done"]
    assert {event["event"] for event in stories[0]} == {"status", "progress", "preview", "end"}
    assert stories[1][-1]["data"]["error"] == {"slug": TrainingFailed.slug, "detail": "The reason."}
    for story in (*stories, told(media["examples"]["a job"]["value"])):
        assert list(schema.iter_errors(story)) == []
    # The schema is strict: a member more, or one less, is none of it.
    more, less = json.loads(json.dumps([stories[0]] * 2))
    more[2]["data"]["more"] = 1
    del less[2]["data"]["attempt"]
    assert not schema.is_valid(more)
    assert not schema.is_valid(less)


def test_the_story_of_a_job_that_is_running_comes_as_it_happens(client, made, worker):
    with client.stream("GET", made["links"]["events"]) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        job = worker.claim(made["id"])
        seen = []
        for iterations in range(1, 4):
            worker.advance(job, iterations)
            while f'"iteration": {iterations}' not in (line := next(lines)):
                pass
            seen.append(line)
        assert len(seen) == 3
        client.delete(made["links"]["self"])
        worker.leases.cancelled(job)
        rest = parse("\n".join(lines) + "\n")
    assert (rest[-1][1], rest[-1][2]["status"], rest[-1][2]["result"]) == ("end", "cancelled", None)


def test_who_comes_back_misses_nothing_and_sees_nothing_twice(client, made, worker):
    run_to_its_end(worker, made)
    whole = parse(follow(client, made).text)
    for last in range(len(whole)):
        assert parse(follow(client, made, last).text) == whole[last:]
    over = follow(client, made, len(whole))
    assert (over.status_code, over.content) == (204, b"")


def test_numbers_from_elsewhere(client, made, worker):
    for last in ("x", "-1", "1.0", "9" * 10, "", "٣"):
        problem(client.get(made["links"]["events"], headers={"Last-Event-ID": last.encode()}), 422, "invalid-option")
    # A number that is still to come is none of ours: the end must not be waited for until it comes.
    with client.stream("GET", made["links"]["events"], headers={"Last-Event-ID": "500"}) as stream:
        client.delete(made["links"]["self"])
        assert "event: end" in list(stream.iter_lines())


def test_more_events_than_one_query_brings(client, made, worker, monkeypatch):
    monkeypatch.setattr("app.jobs.ledger.EVENTS_AT_ONCE", 7)
    job = worker.claim(made["id"])
    for _ in range(60):
        worker.advance(job, 1)
    worker.finish(job, b"png")
    assert [seq for seq, _, _ in parse(follow(client, made).text)] == list(range(1, 64))


def test_an_expired_job_has_its_end_left(client, made, worker):
    run_to_its_end(worker, made)
    worker.expire(worker.ledger.get(made["id"]))
    [(seq, name, data)] = parse(follow(client, made).text)
    assert (seq, name, data["status"]) == (9, "end", "done")
    assert follow(client, made, 9).status_code == 204


def test_a_job_that_is_deleted_ends_its_streams(client, made, worker):
    job = worker.claim(made["id"])
    with client.stream("GET", made["links"]["events"]) as stream:
        lines = stream.iter_lines()
        next(lines)
        worker.finish(job, b"png")
        worker.ledger.delete(made["id"])
        list(lines)


def test_head_does_not_follow(client, made):
    response = client.head(made["links"]["events"])
    assert (response.status_code, response.content) == (200, b"")


def test_silence_is_filled_with_comments(client, made, monkeypatch):
    monkeypatch.setattr(events_route, "KEEP_ALIVE_SECONDS", 0.05)
    with client.stream("GET", made["links"]["events"]) as stream:
        comments = (line for line in stream.iter_lines() if line.startswith(":"))
        assert [next(comments) for _ in range(3)] == [": still here"] * 3


def test_two_hundred_readers_get_everything_from_few_queries(client, made, worker, monkeypatch):
    looks, news = [], worker.ledger.news
    monkeypatch.setattr(type(worker.ledger), "news", lambda ledger, seen: looks.append(1) or news(seen))
    job = worker.claim(made["id"])
    ready = threading.Semaphore(0)

    def read(_):
        with client.stream("GET", made["links"]["events"]) as stream:
            lines = stream.iter_lines()
            first = next(lines)
            ready.release()
            return parse("\n".join([first, *lines]) + "\n")

    began = time.monotonic()
    client_limits = client._transport._pool
    monkeypatch.setattr(client_limits, "_max_connections", 250)
    with ThreadPoolExecutor(200) as threads:
        reading = [threads.submit(read, index) for index in range(200)]
        for _ in reading:
            assert ready.acquire(timeout=600)
        for iterations in range(1, 6):
            worker.advance(job, iterations)
        # While all of them read, others are answered.
        assert client.get(made["links"]["self"]).json()["status"] == "running"
        assert client.get("/healthz/live").status_code == 200
        worker.finish(job, b"png")
        stories = [future.result(60) for future in reading]
    assert all(story == stories[0] for story in stories)
    assert [seq for seq, _, _ in stories[0]] == list(range(1, 9))
    assert len(looks) <= 1 + (time.monotonic() - began) / event_hub.POLL_SECONDS


def test_a_reader_that_does_not_read_holds_nobody_up(client, made, worker):
    address = urlsplit(str(client.base_url))
    with socket.create_connection((address.hostname, address.port)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        slow.sendall(f"GET {made['links']['events']} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        job = worker.claim(made["id"])
        for iterations in range(1, 200):
            worker.advance(job, iterations, of=200)
        worker.finish(job, b"png")
        assert len(parse(follow(client, made).text)) == 202


@pytest.mark.parametrize(
    ("streams", "each", "status", "slug"), [(1, 2, 503, "overloaded"), (9, 1, 429, "too-many-requests")]
)
def test_too_many_streams_are_refused_and_closed_ones_make_room(connect, made, worker, streams, each, status, slug):
    client = connect(event_streams=streams, event_streams_each=each)
    room = client.service.jobs.event_hub.room
    with client.stream("GET", made["links"]["events"]) as stream:
        lines = stream.iter_lines()
        next(lines)
        response = client.get(made["links"]["events"])
        problem(response, status, slug)
        assert 5 <= int(response.headers["retry-after"]) <= 10
        worker.finish(worker.claim(made["id"]), b"png")
        assert "event: end" in list(lines)
    end = time.monotonic() + 60
    while room.taken:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert follow(client, made).status_code == 200


def test_principals_share_the_streams():
    room = event_hub.Room(3, 2)
    leave = room.enter("anna")
    room.enter("anna")
    with pytest.raises(TooManyRequests):
        room.enter("anna")
    room.enter("bert")
    with pytest.raises(Overloaded):
        room.enter("bert")
    leave()
    leave()  # once counts
    assert room.taken == {"anna": 1, "bert": 1}


def event(seq):
    return Event("job", seq, EventKind.PROGRESS, {}, 0)


def test_a_watch_has_the_recent_events_at_hand_and_no_more():
    async def look():
        watch = FollowedJob(seq=10, over=False)
        assert (watch.after(10), watch.after(9)) == ((), None)
        watch.add(News(tuple(event(seq) for seq in range(11, 11 + event_hub.RECENT + 5)), over=True))
        last = 10 + event_hub.RECENT + 5
        assert (watch.seq, watch.over) == (last, True)
        assert watch.after(14) is None
        assert [found.seq for found in watch.after(15)] == list(range(16, last + 1))
        assert watch.after(last) == ()

    asyncio.run(look())


def test_the_feed_outlives_the_ledgers_absence(monkeypatch):
    monkeypatch.setattr(event_hub, "POLL_SECONDS", 0.001)
    answers = [LedgerUnavailable(), LedgerUnavailable(), {"job": News((event(2),), over=True)}]

    class Ledger:
        def news(self, seen):
            assert seen == {"job": 1}
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    class Job:
        id, events, ended = "job", 1, False

    async def run():
        backend = Backend("test", 1, 5, LedgerUnavailable)
        followed = EventHub(Ledger(), backend, event_hub.Room(9, 9))
        with followed.watch(Job()) as watch:
            assert await watch.change(10)
            assert (watch.seq, watch.over) == (2, True)
        backend.stop()

    asyncio.run(run())
    assert answers == []


def test_a_reader_that_leaves_gives_its_place_back(connect, made):
    client = connect(event_streams_each=1)
    room = client.service.jobs.event_hub.room
    for _ in range(3):
        with client.stream("GET", made["links"]["events"]) as stream:
            lines = stream.iter_lines()
            next(lines)
            assert room.taken == {"address-127.0.0.1": 1}
        end = time.monotonic() + 60
        while room.taken:
            assert time.monotonic() < end
            time.sleep(0.01)
