"""The end of a job is reported once to where its client wants it, signed, and to nobody inside our network."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest
from sqlalchemy import select
from standardwebhooks import Webhook as Receiver

from app.errors import InputLost
from app.jobs.job import Job, JobStatus, Result
from app.jobs.webhook_request import post
from app.jobs.webhook_thread import WebhookThread
from app.jobs.webhook_url import Undelivered, is_allowed, is_public, public_addresses
from app.jobs.webhooks import MAX_ATTEMPTS, Webhooks
from app.sql.schema import webhooks

KEY = bytes(range(32))
URL = "https://hooks.example.org/pastiche?for=1"


class Sent:
    """Takes the place of `post`, and keeps what it was given; `broken` is how often it refuses."""

    def __init__(self, broken: int = 0) -> None:
        self.requests: list[tuple[str, bytes, dict[str, str]]] = []
        self.broken = broken

    def __call__(self, url, body, headers) -> None:
        self.requests.append((url, body, dict(headers)))
        if len(self.requests) <= self.broken:
            raise Undelivered("the answer is 500")


def thread(desk, sent: Sent) -> WebhookThread:
    return WebhookThread(Webhooks(desk.database), KEY, "/paint", sent)


def claimed(desk) -> Job:
    job = desk.create(webhook_url=URL)
    assert desk.leases.claim_next("anna", ("count",)) is not None
    return desk.now(job)


def finished(desk) -> Job:
    job = claimed(desk)
    result = Result(b"", "image/png")
    return desk.leases.finish(job, "jobs/1/result", result.media_type, result.facts)


def make_due(desk) -> None:
    with desk.database.write() as connection:
        connection.execute(webhooks.update().values(due_at=0))


def rows(desk) -> int:
    with desk.database.read() as connection:
        return len(connection.execute(select(webhooks)).all())


def test_the_end_is_reported_once_and_not_before(desk) -> None:
    sent = Sent()
    job = claimed(desk)
    thread(desk, sent).once()
    assert sent.requests == []
    ended = desk.leases.finish(job, "jobs/1/result", "image/png", {})
    for _ in range(2):
        thread(desk, sent).once()
    [(url, body, headers)] = sent.requests
    assert (url, headers["webhook-id"]) == (URL, job.id)
    told = Receiver("whsec_" + base64.b64encode(KEY).decode()).verify(body, headers)
    assert told == json.loads(body)
    assert told["type"] == "job.done"
    assert told["data"] == {
        "id": job.id,
        "kind": "count",
        "status": "done",
        "error": None,
        "links": {"self": f"/paint/v1/jobs/{job.id}", "result": f"/paint/v1/jobs/{job.id}/result"},
    }
    assert ended.status is JobStatus.DONE
    assert rows(desk) == 0


def test_a_changed_body_has_another_signature(embedded_desk) -> None:
    sent = Sent()
    finished(embedded_desk)
    thread(embedded_desk, sent).once()
    [(_, body, headers)] = sent.requests
    with pytest.raises(Exception, match="No matching signature"):
        Receiver("whsec_" + base64.b64encode(KEY).decode()).verify(body.replace(b"done", b"gone"), headers)


def test_failures_and_cancellations_are_reported_too(embedded_desk) -> None:
    sent = Sent()
    embedded_desk.leases.fail(claimed(embedded_desk), InputLost("The photo is gone."))
    embedded_desk.ledger.cancel(embedded_desk.create(webhook_url=URL).id)
    thread(embedded_desk, sent).once()
    told = [json.loads(body) for _, body, _ in sent.requests]
    assert {(each["type"], (each["data"]["error"] or {}).get("detail")) for each in told} == {
        ("job.failed", "The photo is gone."),
        ("job.cancelled", None),
    }
    assert {each["data"]["links"]["result"] for each in told} == {None}


def test_it_is_tried_again_later_and_later_and_given_up_at_last(embedded_desk) -> None:
    finished(embedded_desk)
    pauses = []
    for _ in range(MAX_ATTEMPTS):
        webhook = Webhooks(embedded_desk.database).claim()
        assert webhook is not None
        assert Webhooks(embedded_desk.database).claim() is None  # while this one is at it
        pauses.append(Webhooks(embedded_desk.database).again(webhook))
        assert Webhooks(embedded_desk.database).claim() is None  # too early
        make_due(embedded_desk)
    assert pauses == [10, 30, 90, 270, 810, 2430, 7290, None]
    assert rows(embedded_desk) == 0


def test_a_receiver_that_comes_back_gets_it(embedded_desk) -> None:
    sent = Sent(broken=2)
    finished(embedded_desk)
    for _ in range(4):
        thread(embedded_desk, sent).once()
        make_due(embedded_desk)
    assert len(sent.requests) == 3
    assert len({body for _, body, _ in sent.requests}) == 1


def test_a_worker_that_dies_at_it_leaves_it_to_another(desk) -> None:
    finished(desk)
    assert Webhooks(desk.database).claim() is not None
    make_due(desk)
    again = Webhooks(desk.database).claim()
    assert again is not None
    assert again.attempt == 2


def test_a_deleted_job_has_nothing_to_report(desk) -> None:
    job = finished(desk)
    assert desk.ledger.delete(job.id)
    assert rows(desk) == 0


ORIGINS = ("https://hooks.example.org", "https://*.example.com:8443", "http://plain.example.org")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://hooks.example.org", True),
        ("https://hooks.example.org/a/b?c=d", True),
        ("https://hooks.example.org:443/", True),
        ("https://HOOKS.example.ORG/", True),
        ("https://a.example.com:8443/", True),
        ("https://a.b.example.com:8443/", True),
        ("http://plain.example.org/", True),
        ("https://example.com:8443/", False),
        ("https://a.example.com/", False),
        ("https://aexample.com:8443/", False),
        ("http://hooks.example.org/", False),
        ("https://hooks.example.org:444/", False),
        ("https://hooks.example.org.evil.org/", False),
        ("https://hooks.example.org@evil.org/", False),
        ("https://evil.org\\@hooks.example.org/", False),
        ("https://user:pass@hooks.example.org/", False),
        ("https://hooks.example.org/#part", False),
        ("https://hooks.example.org:99999/", False),
        ("https://[hooks.example.org/", False),
        ("ftp://hooks.example.org/", False),
        ("//hooks.example.org/", False),
        ("https:///", False),
        ("", False),
        ("https://hooks.example.org/" + "a" * 2000, False),
    ],
)
def test_only_origins_that_the_operator_names_are_called(url, allowed) -> None:
    assert is_allowed(url, ORIGINS) is allowed


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.20.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),  # the metadata of clouds
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::", False),  # 6to4 of 10.0.0.1
    ],
)
def test_private_addresses_are_never_called(address, public) -> None:
    assert is_public(ip_address(address)) is public


def test_a_name_of_this_machine_is_refused() -> None:
    with pytest.raises(Undelivered, match="private"):
        public_addresses("localhost", 80)
    with pytest.raises(Undelivered, match="not found"):
        public_addresses("nowhere.invalid", 80)


class Endpoint(BaseHTTPRequestHandler):
    """Answers with the status that the path names, and keeps what came."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((self.path, dict(self.headers), body))
        self.send_response(int(self.path.removeprefix("/")))
        self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        server.came = []
        running = threading.Thread(target=server.serve_forever)
        running.start()
        yield server
        server.shutdown()
        running.join()


def here(_host, _port):
    return [ip_address("127.0.0.1")]


def test_the_request_goes_to_the_address_that_was_looked_at_under_its_own_name(endpoint) -> None:
    post(f"http://hooks.example.org:{endpoint.server_port}/204", b"{}", {"webhook-id": "7"}, here)
    [(path, headers, body)] = endpoint.came
    assert (path, body, headers["webhook-id"]) == ("/204", b"{}", "7")
    assert headers["Host"] == f"hooks.example.org:{endpoint.server_port}"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("status", [302, 307, 400, 404, 410, 500])
def test_what_is_not_taken_is_not_delivered_and_redirects_are_not_followed(endpoint, status) -> None:
    with pytest.raises(Undelivered, match=str(status)):
        post(f"http://hooks.example.org:{endpoint.server_port}/{status}", b"{}", {}, here)
    assert len(endpoint.came) == 1


def test_a_receiver_that_is_not_there_or_speaks_no_tls_is_undelivered(endpoint) -> None:
    with pytest.raises(Undelivered, match="does not answer"):
        post(f"https://hooks.example.org:{endpoint.server_port}/200", b"{}", {}, here)
    assert endpoint.came == []
