"""The client against rare answers; tests/api/test_python_client.py has a real service."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from pastiche_client import (
    AsyncClient,
    Client,
    Conflict,
    InvalidRequest,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from pastiche_client.errors import retry_after

JOB = {"id": "a1", "kind": "gatys", "status": "queued", "progress": 0.0}
URL = "http://pastiche.test"


class Service:
    """Answers requests in turn, and keeps them. An exception among the answers is a connection that fails."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body whose connection fails in the middle."""

    def __init__(self, text):
        self.text = text

    def __iter__(self):
        yield self.text.encode()
        raise httpx.ReadError("lost")

    async def __aiter__(self):
        yield self.text.encode()
        raise httpx.ReadError("lost")


def problem(status, slug, **headers):
    members = {"type": f"/prefix/problems/{slug}", "detail": "So it is.", "nearest": ["cat"]}
    headers = {"content-type": "application/problem+json"} | {name.replace("_", "-"): v for name, v in headers.items()}
    return httpx.Response(status, json=members, headers=headers)


def event(number, name, data="{}"):
    return f"id: {number}\nevent: {name}\ndata: {data}\n\n"


def client_of(service, **options):
    return Client(URL, transport=httpx.MockTransport(service), **options)


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses that were asked for, none of which is made."""
    asked = []

    async def later(seconds):
        asked.append(seconds)

    monkeypatch.setattr("pastiche_client.client.sleep", asked.append)
    monkeypatch.setattr("pastiche_client.async_client.sleep", later)
    return asked


def test_a_photo_is_sent_with_its_options_and_the_key(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    service = Service(
        httpx.Response(200, content=b"image", headers={"content-type": "image/png", "pastiche-model": "compact@3"})
    )
    with client_of(service, api_key="secret") as pastiche:
        image = pastiche.stylize(tmp_path / "photo.jpg", "the_wave", strength=0.5, size=None)
    [request] = service.requests
    assert (request.method, request.url.path, request.content) == ("POST", "/v1/stylize", b"photo")
    assert dict(request.url.params) == {"styles": "the_wave", "strength": "0.5"}
    assert request.headers["authorization"] == "Bearer secret"
    assert (image.data, image.media_type, image.model) == (b"image", "image/png", "compact@3")


def test_a_refused_request_is_sent_again_after_the_time_that_the_response_names(pauses):
    service = Service(
        problem(429, "too-many-requests", retry_after="7"),
        problem(503, "model-unavailable"),
        httpx.ConnectError("refused"),
        httpx.Response(200, json={"styles": [{"id": "a", "title": "A", "model": "m@1", "year": 1900}]}),
    )
    with client_of(service) as pastiche:
        [style] = pastiche.styles(all=True)
    assert (style.id, style.members["year"]) == ("a", 1900)
    assert pauses == [7.0, 1.0, 2.0]
    assert [dict(request.url.params) for request in service.requests] == [{"all": "true"}] * 4


@pytest.mark.parametrize(("options", "tries"), [({"longest_pause_seconds": 5}, 1), ({"retries": 2}, 3)])
def test_it_gives_up_where_waiting_is_too_long_or_does_not_help(pauses, options, tries):
    service = Service(*[problem(429, "too-many-jobs", retry_after="6") for _ in range(tries)])
    with client_of(service, **options) as pastiche, pytest.raises(TooManyRequests) as caught:
        pastiche.job("a1")
    assert (caught.value.slug, caught.value.retry_after_seconds) == ("too-many-jobs", 6.0)
    assert pauses == [6.0] * (tries - 1)


def test_a_job_whose_answer_was_lost_is_asked_for_again_with_the_same_key():
    service = Service(httpx.ReadError("lost"), httpx.Response(202, json=JOB), httpx.Response(202, json=JOB))
    with client_of(service) as pastiche:
        job = pastiche.create_job(b"photo", [b"one", b"two"], size=64)
        pastiche.create_job(b"photo", [b"one"], idempotency_key="mine")
    keys = [request.headers["idempotency-key"] for request in service.requests]
    assert keys[0] == keys[1] != keys[2] == "mine"
    assert (job.id, job.kind, job.ended) == ("a1", "gatys", False)
    parts = service.requests[1].content
    assert (parts.count(b'; name="style"'), parts.count(b'; name="content"'), parts.count(b'; name="size"')) == (
        2,
        1,
        1,
    )


def test_a_clip_is_sent_as_it_is_with_its_options():
    service = Service(httpx.Response(202, json=JOB))
    with client_of(service) as pastiche:
        job = pastiche.create_video(b"clip", "starry_night", styles_end="great_wave", steady=False)
    [request] = service.requests
    assert (request.method, request.url.path, request.content) == ("POST", "/v1/videos", b"clip")
    assert dict(request.url.params) == {"styles": "starry_night", "styles_end": "great_wave", "steady": "false"}
    assert request.headers["idempotency-key"]
    assert job.id == "a1"


def test_a_job_is_not_deleted_again_after_a_lost_answer():
    service = Service(httpx.ReadError("lost"))
    with client_of(service) as pastiche, pytest.raises(httpx.ReadError):
        pastiche.delete_job("a1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Unauthorized),
        (404, NotFound),
        (409, Conflict),
        (410, NotFound),
        (413, InvalidRequest),
        (422, InvalidRequest),
        (500, ServiceUnavailable),
    ],
)
def test_errors_have_a_class_and_the_members_of_the_problem(status, kind):
    service = Service(problem(status, "some-slug"))
    with client_of(service) as pastiche, pytest.raises(kind) as caught:
        pastiche.result("a1")
    assert (caught.value.slug, caught.value.detail) == ("some-slug", "So it is.")
    assert caught.value.members["nearest"] == ["cat"]


@pytest.mark.parametrize("body", [{"text": "<html>"}, {"json": ["no problem"]}])
def test_an_answer_of_a_proxy_is_an_error_as_well(body):
    service = Service(httpx.Response(502, **body))
    with client_of(service) as pastiche, pytest.raises(ServiceUnavailable) as caught:
        pastiche.job("a1")
    assert (caught.value.slug, caught.value.detail) == ("", "Bad Gateway")


def streams():
    """A stream that fails within its third event, one that the server ends, and one to the end of the job."""
    kinds = {"content-type": "text/event-stream"}
    return Service(
        httpx.Response(200, headers=kinds, stream=Broken("retry: 500\n\n" + event(1, "status") + "id: 2\nevent: pro")),
        problem(503, "ledger-unavailable", retry_after="3"),
        httpx.Response(200, headers=kinds, text=": still here\n\n" + event(2, "progress", '{"progress": 0.5}')),
        httpx.Response(200, headers=kinds, text=event(3, "end", '{"status": "done"}')),
    )


def check_resumed(service, events, pauses):
    assert [(event.id, event.name) for event in events] == [(1, "status"), (2, "progress"), (3, "end")]
    assert events[1].data == {"progress": 0.5}
    assert [request.headers.get("last-event-id") for request in service.requests] == [None, "1", "1", "2"]
    assert pauses == [0.5, 3.0, 0.5]


def test_events_go_on_after_the_last_one_that_came(pauses):
    service = streams()
    with client_of(service) as pastiche:
        check_resumed(service, list(pastiche.events("a1")), pauses)


def test_events_of_the_async_client_go_on_as_well(pauses):
    service = streams()

    async def follow():
        async with AsyncClient(URL, transport=httpx.MockTransport(service)) as pastiche:
            return [event async for event in pastiche.events("a1")]

    check_resumed(service, asyncio.run(follow()), pauses)


def test_after_the_last_event_nothing_follows():
    service = Service(httpx.Response(204))
    with client_of(service) as pastiche:
        assert list(pastiche.events("a1", after=9)) == []
    assert service.requests[0].headers["last-event-id"] == "9"


def test_the_async_client_sends_refused_requests_again(pauses):
    service = Service(problem(503, "overloaded", retry_after="2"), httpx.Response(200, json=JOB))

    async def look():
        async with AsyncClient(URL, transport=httpx.MockTransport(service)) as pastiche:
            return await pastiche.job("a/1")

    assert asyncio.run(look()).status == "queued"
    assert pauses == [2.0]
    assert service.requests[0].url.raw_path == b"/v1/jobs/a%2F1"


def test_retry_after_is_seconds_or_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)
    assert 50 < retry_after(soon) <= 60
    assert [retry_after(text) for text in ("12", past, "soon", None)] == [12.0, 0.0, None, None]
