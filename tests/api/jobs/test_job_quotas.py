"""Quotas, each refused with the time after which it is worth trying again; and what goes on without a database."""

import asyncio
import re
import socket
import threading
import time
from contextlib import closing

import pytest
from hand_worker import HandWorker
from job_requests import ANNA, BERT, ROUTE, form, make, problem
from pydantic import SecretStr

from app.api.http.rate_limit import RateLimit
from app.api.jobs import gateway
from app.api.jobs.gateway import JobGateway
from app.errors import LedgerUnavailable, TooManyRequests
from app.jobs.dispatch import Dispatch
from app.main import create_app
from app.settings import SettingsError
from app.sql.migration import SchemaOutdated

KEYS = (SecretStr("anna"), SecretStr("bert"))


def refused(response, slug):
    found = problem(response, 429, slug)
    assert int(response.headers["retry-after"]) >= 1
    return found


def test_so_many_jobs_of_one_principal_may_wait(connect, photo, painting, tmp_path):
    client = connect(api_keys=KEYS, data_dir=tmp_path, waiting_jobs_each=2)
    first = make(client, photo, painting, ANNA)
    make(client, photo, painting, ANNA)
    refused(client.post(ROUTE, files=form(photo, painting), headers=ANNA), "too-many-jobs")
    later = {"Prefer": "respond-async"}
    refused(client.post("/v1/stylize?styles=great_wave", content=photo, headers=ANNA | later), "too-many-jobs")
    make(client, photo, painting, BERT)
    client.delete(first["links"]["self"], headers=ANNA)
    make(client, photo, painting, ANNA)


def test_so_many_jobs_may_wait_in_all(connect, photo, painting, tmp_path):
    client = connect(api_keys=KEYS, data_dir=tmp_path, waiting_jobs=2)
    make(client, photo, painting, ANNA)
    make(client, photo, painting, BERT)
    refused(client.post(ROUTE, files=form(photo, painting), headers=ANNA), "too-many-jobs")
    # The fast path is no job.
    assert client.post("/v1/stylize?styles=great_wave", content=photo, headers=ANNA).status_code == 200


def test_quotas_are_looked_at_before_the_upload(connect, tmp_path, photo):
    client = connect(data_dir=tmp_path, waiting_jobs=1)
    assert client.post("/v1/stylize?styles=great_wave", content=photo, headers={"Prefer": "respond-async"}).is_success
    body = b"--b\r\n" + b"x" * 100_000
    response = client.post(ROUTE, content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    refused(response, "too-many-jobs")


def test_a_repetition_is_no_new_job_for_the_quotas(connect, tmp_path, photo, painting):
    client = connect(data_dir=tmp_path, waiting_jobs=1)
    key = {"Idempotency-Key": "mine"}
    assert make(client, photo, painting, key)["id"] == make(client, photo, painting, key)["id"]
    other = client.post(ROUTE, files=form(photo, painting), headers={"Idempotency-Key": "another"})
    refused(other, "too-many-jobs")


def test_so_many_jobs_may_be_asked_for_in_a_minute(connect, photo, painting, tmp_path):
    client = connect(api_keys=KEYS, data_dir=tmp_path, jobs_per_minute=2)
    made = make(client, photo, painting, ANNA)
    # What is wrong with it costs as much.
    assert client.post(ROUTE, files=form(b"x", b"y"), headers=ANNA).status_code == 415
    response = client.post(ROUTE, files=form(photo, painting), headers=ANNA)
    assert "limit of 2 new jobs" in refused(response, "too-many-requests")["detail"]
    assert int(response.headers["retry-after"]) <= 60
    make(client, photo, painting, BERT)
    assert client.get(made["links"]["self"], headers=ANNA).status_code == 200


def test_what_is_left_of_the_limit_is_told_with_every_request_that_counts(connect, photo, painting, tmp_path):
    client = connect(data_dir=tmp_path, jobs_per_minute=2)
    files = form(photo, painting)
    made, unread, beyond = (
        client.post(ROUTE, **sent) for sent in ({"files": files}, {"content": b""}, {"files": files})
    )
    assert [each.status_code for each in (made, unread, beyond)] == [202, 400, 429]
    assert {each.headers["ratelimit-policy"] for each in (made, unread, beyond)} == {'"new-jobs";q=2;w=60'}
    told = [re.fullmatch(r'"new-jobs";r=(\d+);t=(\d+)', each.headers["ratelimit"]) for each in (made, unread, beyond)]
    assert [int(each[1]) for each in told] == [1, 0, 0]
    assert all(1 <= int(each[2]) <= 60 for each in told)
    assert told[2][2] == beyond.headers["retry-after"]
    assert "ratelimit" not in client.get(made.json()["links"]["self"]).headers


def test_a_shared_rate_limit_is_one(redis_url):
    with closing(RateLimit(3, redis_url)) as here, closing(RateLimit(3, redis_url)) as there:
        for limit in (here, there, here):
            limit.hit("anna")
        for limit in (here, there):
            with pytest.raises(TooManyRequests) as found:
                limit.hit("anna")
            assert 1 <= found.value.retry_after_seconds <= 60
        there.hit("bert")


def test_without_its_redis_the_limit_is_passed_over():
    with closing(RateLimit(1, "redis://127.0.0.1:1/0")) as limit:
        for _ in range(3):
            limit.hit("anna")


def test_a_redis_behind_a_socket_is_asked(tmp_path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        asked = []
        answering = threading.Thread(target=lambda: asked.append(listening.accept()[0].close()))
        answering.start()
        with closing(RateLimit(1, f"unix://{tmp_path}/s")) as limit:
            limit.hit("anna")
        answering.join(60)
        assert asked


GONE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def bereft(connect):
    """Its database is not there, and was not when it started."""
    return connect(database_url=GONE)


def test_without_its_database_only_the_jobs_are_away(bereft, photo, painting):
    paths = [f"{ROUTE}/019a7c3e-8f10-7b2a-9c44-5d1f0e6a7b88{path}" for path in ("", "/events", "/result", "/loss.png")]
    for response in (
        *(bereft.get(path) for path in paths),
        bereft.delete(paths[0]),
        bereft.post(ROUTE, files=form(photo, painting)),
        bereft.post("/v1/stylize?styles=great_wave", content=photo, headers={"Prefer": "respond-async"}),
    ):
        problem(response, 503, "ledger-unavailable")
        assert 5 <= int(response.headers["retry-after"]) <= 10
    assert bereft.post("/v1/stylize?styles=great_wave", content=photo).status_code == 200
    assert bereft.get("/healthz/ready").status_code == 200
    assert "pastiche_ledger_up 0.0" in bereft.get("/metrics").text


def test_a_database_that_hangs_is_given_up(connect, photo, worker, monkeypatch, tmp_path):
    monkeypatch.setattr(gateway, "LEDGER_SECONDS", 0.05)
    monkeypatch.setattr(type(worker.ledger), "get", lambda *_: time.sleep(0.5))
    client = connect(data_dir=tmp_path)
    response = client.get(f"{ROUTE}/019a7c3e-8f10-7b2a-9c44-5d1f0e6a7b88")
    problem(response, 503, "ledger-unavailable")
    assert client.get("/healthz/live").status_code == 200


def test_a_database_that_comes_later_is_prepared_then(settings, tmp_path, monkeypatch):
    calls = []

    def prepare(_):
        calls.append(1)
        if len(calls) == 1:
            raise LedgerUnavailable

    monkeypatch.setattr(gateway, "prepare", prepare)
    desk = JobGateway(settings.model_copy(update={"data_dir": tmp_path}))
    with pytest.raises(LedgerUnavailable):
        desk.prepare()

    async def ask():
        assert [await desk.ask(len, "abc"), await desk.ask(len, "ab")] == [3, 2]
        await desk.stop()

    asyncio.run(ask())
    assert len(calls) == 2


def test_a_database_of_another_version_stops_the_start(settings, tmp_path, monkeypatch):
    def prepare(_):
        raise SchemaOutdated

    monkeypatch.setattr(gateway, "prepare", prepare)
    with pytest.raises(SchemaOutdated):
        create_app(settings.model_copy(update={"data_dir": tmp_path}))


def test_a_folder_that_cannot_be_made_stops_the_start(settings, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="PASTICHE_DATA_DIR"):
        create_app(settings.model_copy(update={"data_dir": tmp_path / "file" / "data"}))


def test_a_queue_that_is_away_does_not_keep_jobs_from_being_accepted(connect, photo, painting, tmp_path):
    client = connect(data_dir=tmp_path, redis_url="redis://127.0.0.1:1/0")
    assert make(client, photo, painting)["status"] == "queued"


def test_the_message_is_sent(connect, photo, painting, tmp_path, settings):
    made = make(connect(data_dir=tmp_path), photo, painting)
    dispatch = Dispatch(settings.model_copy(update={"data_dir": tmp_path}))
    assert dispatch.receive() == made["id"]
    dispatch.close()


def test_the_queue_in_figures(connect, photo, painting, tmp_path, settings):
    client = connect(data_dir=tmp_path)
    worker = HandWorker(settings.model_copy(update={"data_dir": tmp_path}))
    ids = [make(client, photo, painting)["id"] for _ in range(3)]
    worker.leases.fail(worker.claim(ids[0]), LedgerUnavailable())
    worker.advance(worker.claim(ids[1]), 3)
    text = client.get("/metrics").text
    for line in (
        "pastiche_ledger_up 1.0",
        'pastiche_jobs_waiting{kind="gatys"} 1.0',
        'pastiche_jobs_running{kind="gatys"} 1.0',
        'pastiche_jobs_attempts{kind="gatys"} 2.0',
        'pastiche_jobs_seconds_per_iteration{kind="gatys"} 0.5',
        'pastiche_jobs_failed{kind="gatys",slug="ledger-unavailable"} 1.0',
        # Without a job of that kind, for what scales workers by it.
        'pastiche_jobs_waiting{kind="training"} 0.0',
        'pastiche_jobs_done{kind="stylize"} 0.0',
    ):
        assert line in text
    assert 'pastiche_jobs_oldest_waiting_seconds{kind="gatys"} ' in text
    # A second scrape at once costs the database nothing.
    worker.leases.claim(ids[2], "hand")
    assert 'pastiche_jobs_waiting{kind="gatys"} 1.0' in client.get("/metrics").text
    worker.database.close()


def test_anonymous_principals_are_addresses(client, photo, painting, worker):
    made = make(client, photo, painting)
    assert worker.ledger.get(made["id"]).principal == "address-127.0.0.1"
    # Anybody can say for whom a request is: from a proxy alone it is believed.
    forwarded = make(client, photo, painting, {"X-Forwarded-For": "2001:db8:1:2:3:4:5:6"})
    assert worker.ledger.get(forwarded["id"]).principal == "address-127.0.0.1"


@pytest.fixture(scope="module")
def behind_a_proxy(connect_once):
    return connect_once(trusted_proxies=("127.0.0.0/8",))


@pytest.mark.parametrize(
    ("forwarded", "principal"),
    [
        ("2001:db8:1:2:3:4:5:6", "address-2001:db8:1:2::/64"),
        ("192.0.2.7", "address-192.0.2.7"),
        ("::ffff:192.0.2.7", "address-192.0.2.7"),
        # What a client says of itself stands before what the proxy says of the client.
        ("192.0.2.9, 192.0.2.7", "address-192.0.2.7"),
    ],
)
def test_a_trusted_proxy_says_for_whom_a_request_is(behind_a_proxy, photo, painting, worker, forwarded, principal):
    made = make(behind_a_proxy, photo, painting, {"X-Forwarded-For": forwarded})
    assert worker.ledger.get(made["id"]).principal == principal
