"""nginx, two servers, two workers, PostgreSQL, Redis and S3: the set of docker-compose.yml, as plain processes."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import httpx
import pytest
import redis
from many_machines import PATIENCE_SECONDS, ManyMachines, start_s3
from PIL import Image
from test_job_routes import follow_the_readme, needs_curl

from app.jobs.job import EventKind, Job, JobStatus
from app.jobs.ledger import Ledger
from app.sql.database import Database

JOBS = 200
CLIENTS = 8
# Steps so small that the loss falls for seconds on end, and the job does not stop early.
SLOW = {"size": "192", "scales": "1", "tolerance": "0", "optimiser": "adam", "learning_rate": "0.0001"}


@pytest.fixture(scope="module")
def shared_redis_url() -> Iterator[str]:
    """The last but one database of the Redis at 127.0.0.1: other tests empty the last one."""
    url = "redis://127.0.0.1:6379/14"
    with redis.Redis.from_url(url, socket_connect_timeout=3) as client:
        try:
            client.flushdb()
        except redis.ConnectionError:
            pytest.skip("no Redis at 127.0.0.1:6379")
        yield url
        client.flushdb()


@pytest.fixture(scope="module")
def machines(
    models_dir: Path,
    random_descriptor: Path,
    postgresql_url: str,
    shared_redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ManyMachines]:
    if shutil.which("nginx") is None:
        pytest.skip("no nginx; `apt-get install nginx-light` or the like brings one")
    folder = tmp_path_factory.mktemp("machines")
    s3, s3_address = start_s3(folder)
    addresses = {
        "postgresql://pastiche:pastiche@postgres:5432/pastiche": postgresql_url,
        "redis://redis:6379/0": shared_redis_url,
        "s3:9000": s3_address,
    }
    settings = {
        "PASTICHE_MODELS_DIR": str(models_dir),
        "PASTICHE_DEVICE": "cpu",
        "PASTICHE_PRECISION": "float32",
        "PASTICHE_DESCRIPTOR": str(random_descriptor),
        "PASTICHE_ENGINE_THREADS": "1",
        "PASTICHE_WORKER_THREADS": "1",
        "PASTICHE_DATA_DIR": str(folder / "data"),
        "PASTICHE_WAITING_JOBS_EACH": str(2 * JOBS),
        "PASTICHE_JOBS_PER_MINUTE": "10000",
        "PASTICHE_DRAIN_SECONDS": "1",
    }
    machines = ManyMachines(folder, addresses, settings)
    try:
        machines.start()
        until(lambda: httpx.get(machines.url + "/healthz/ready", timeout=600).status_code == 200)
        yield machines
    finally:
        machines.stop()
        s3.terminate()
        s3.wait()


@pytest.fixture(scope="module")
def ledger(machines: ManyMachines, postgresql_url: str) -> Iterator[Ledger]:
    database = Database(postgresql_url)
    yield Ledger(database, expiry_seconds=3600)
    database.close()


def until(condition) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def small_photo(photos: Path) -> bytes:
    file = BytesIO()
    Image.open(photos / "chelsea.png").convert("RGB").resize((48, 32)).save(file, "png")
    return file.getvalue()


def test_a_picture_is_made_while_its_events_come_through_nginx(machines: ManyMachines, photos: Path) -> None:
    with httpx.Client(base_url=machines.url, timeout=600) as client:
        made = client.post(
            "/v1/jobs",
            data=SLOW | {"iterations": "700", "format": "png"},
            files={
                "content": (photos / "chelsea.png").read_bytes(),
                "style": (photos / "coffee.png").read_bytes(),
            },
        )
        assert made.status_code == 202, made.text
        path = made.headers["location"]
        with client.stream("GET", f"{path}/events") as stream:
            lines = stream.iter_lines()
            told = next(line for line in lines if line in ("event: progress", "event: end"))
            assert told == "event: progress", machines.log("worker")
            # It came through while the job runs, and not with its end.
            assert client.get(path).json()["status"] == "running"
            names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        assert names[-1] == "end"
        assert "preview" in names
        result = client.get(f"{path}/result")
        assert Image.open(BytesIO(result.content)).size == (192, 128)
        assert client.get(f"{path}/preview").headers["content-type"] == "image/jpeg"
        assert client.get(f"{path}/loss.png").headers["content-type"] == "image/png"


@needs_curl
def test_the_readmes_lines_make_a_picture_here_too(machines: ManyMachines, photos: Path, tmp_path: Path) -> None:
    follow_the_readme(machines.url, photos, tmp_path)


def test_two_hundred_jobs_at_once_all_end_exactly_once(
    machines: ManyMachines, ledger: Ledger, small_photo: bytes
) -> None:
    urls = [machines.url, machines.api_url(0), machines.api_url(1)]

    def submit(client: int) -> list[str]:
        with httpx.Client(base_url=urls[client % len(urls)], timeout=600) as connection:
            return [submit_one(connection, f"{client}-{number}") for number in range(JOBS // CLIENTS)]

    def submit_one(connection: httpx.Client, key: str) -> str:
        answer = connection.post(
            "/v1/stylize?styles=great_wave&format=png",
            content=small_photo,
            headers={"Prefer": "respond-async", "Idempotency-Key": key},
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(CLIENTS) as threads:
        ids = [job_id for made in threads.map(submit, range(CLIENTS)) for job_id in made]
    assert len(set(ids)) == JOBS
    jobs = ended(ledger, ids)
    assert Counter(job.status for job in jobs) == {JobStatus.DONE: JOBS}
    assert len({job.owner for job in jobs}) == 2, "both workers had work"
    for job in jobs:
        told = [event.data["status"] for event in ledger.events(job.id) if event.kind is EventKind.STATUS]
        assert told.count("done") == 1
    with httpx.Client(base_url=machines.url, timeout=600) as client:
        pictures = Counter(client.get(f"/v1/jobs/{job_id}/result").content for job_id in ids)
        now = client.post("/v1/stylize?styles=great_wave&format=png", content=small_photo).content
    assert pictures == {now: JOBS}


def ended(ledger: Ledger, ids: list[str]) -> list[Job]:
    def all_jobs() -> list[Job]:
        return [job for job_id in ids if (job := ledger.get(job_id)) is not None]

    until(lambda: all(job.ended for job in all_jobs()))
    return all_jobs()


def test_nginx_says_who_the_client_is_and_hides_what_is_not_for_it(
    machines: ManyMachines, ledger: Ledger, small_photo: bytes
) -> None:
    headers = {"Prefer": "respond-async", "X-Forwarded-For": "192.0.2.1"}
    answer = httpx.post(
        f"{machines.url}/v1/stylize?styles=great_wave", content=small_photo, headers=headers, timeout=600
    )
    job = ledger.get(answer.json()["id"])
    assert job is not None
    assert job.principal == "address-127.0.0.1"
    assert httpx.get(f"{machines.url}/metrics", timeout=600).status_code == 404
    assert "pastiche_jobs_done" in httpx.get(f"{machines.api_url(0)}/metrics", timeout=600).text


def test_a_body_too_large_is_told_by_the_service(machines: ManyMachines) -> None:
    answer = httpx.post(f"{machines.url}/v1/stylize?styles=great_wave", content=bytes(17_000_000), timeout=600)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")


def test_a_server_that_stops_ends_its_streams_and_the_other_one_goes_on(machines: ManyMachines, photos: Path) -> None:
    files = {"content": (photos / "chelsea.png").read_bytes(), "style": (photos / "coffee.png").read_bytes()}
    fields = SLOW | {"size": "256", "iterations": "9000"}
    path = httpx.post(f"{machines.url}/v1/jobs", data=fields, files=files, timeout=600).headers["location"]
    with httpx.stream("GET", f"{machines.api_url(0)}{path}/events", timeout=600) as stream:
        lines = stream.iter_lines()
        next(lines)
        process = machines.processes["api"][0]
        process.send_signal(signal.SIGTERM)
        ids = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]
    assert process.wait(60) in (0, -signal.SIGTERM)
    # All that comes after, from the server that is left.
    assert httpx.delete(machines.url + path, timeout=600).status_code in (200, 202)
    last = {"Last-Event-ID": str(ids[-1] if ids else 0)}
    rest = httpx.get(f"{machines.url}{path}/events", headers=last, timeout=600).text
    first = int(rest.partition("id: ")[2].partition("\n")[0])
    assert first == (ids[-1] if ids else 0) + 1
    assert json.loads(rest.rpartition("data: ")[2])["status"] == "cancelled"
