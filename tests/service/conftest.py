"""The service as its users get it: a process of its own, on a port of its own, with the small models."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from job_house import Build, JobHouse

SLOW_SERVER = Path(__file__).with_name("slow_server.py")
# A guard against waiting for ever, not a measure.
START_SECONDS = 600


class Server:
    """A running `pastiche serve`; `log` grows with its JSON lines."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self.url = self._wait(self._address)
        self.client = httpx.Client(base_url=self.url, timeout=600)
        self._wait(self._ready)

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def gauge(self, name: str) -> float:
        found = re.search(rf"^pastiche_{name} (\S+)$", self.client.get("/metrics").text, re.MULTILINE)
        assert found is not None
        return float(found[1])

    @contextmanager
    def holding(self) -> Iterator[None]:
        """No batch ends within, where the server was started with `paint_seconds`."""
        hold = self._log.with_name("hold")
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        self._wait(condition)

    def _ready(self) -> bool:
        try:
            return self.client.get("/healthz/ready").status_code == 200
        except httpx.ConnectError:  # bound, and not listening yet
            return False

    def _address(self) -> str | None:
        found = re.search(r"http://127\.0\.0\.1:\d+", self._log.read_text())
        return found[0] if found else None

    def _wait(self, condition: Callable[[], Any]) -> Any:
        end = time.monotonic() + START_SECONDS
        while not (value := condition()):
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.02)
        return value


@pytest.fixture(scope="module")
def launch(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start servers with settings as keywords; `paint_seconds` makes every batch take so much longer."""
    processes: list[subprocess.Popen[str]] = []
    servers: list[Server] = []

    def start(*, paint_seconds: float = 0, **settings: object) -> Server:
        log = tmp_path_factory.mktemp("server") / "log"
        slow = [str(SLOW_SERVER), str(paint_seconds), str(log.with_name("hold"))]
        command = slow if paint_seconds else ["-m", "app.cli"]
        environment = os.environ | {
            "PASTICHE_MODELS_DIR": str(models_dir),
            "PASTICHE_MODELS": "compact,sketch",
            "PASTICHE_DEVICE": "cpu",
            "PASTICHE_PORT": "0",
            "PASTICHE_RESULT_CACHE_MEGABYTES": "0",
            "PASTICHE_DATA_DIR": str(log.with_name("data")),
            "PASTICHE_WORKERS": "0",
            "PASTICHE_DRAIN_SECONDS": "0",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **{f"PASTICHE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        with log.open("w") as output:
            arguments = [sys.executable, *command, "serve"]
            process = subprocess.Popen(arguments, env=environment, stdout=output, stderr=output, text=True)
        processes.append(process)
        servers.append(Server(process, log))
        return servers[-1]

    yield start
    for server in servers:
        server.client.close()
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    houses: list[JobHouse] = []

    def make(**settings: Any) -> JobHouse:
        houses.append(JobHouse(tmp_path, settings))
        return houses[-1]

    yield make
    for house in houses:
        house.close()


@pytest.fixture(params=["sqlite", "postgresql", "postgresql and redis"])
def backend(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings of the ledger and the queue; the database is as empty as a new one."""
    settings = {}
    if request.param != "sqlite":
        settings["database_url"] = request.getfixturevalue("empty_postgresql_url")
    if request.param == "postgresql and redis":
        settings["redis_url"] = request.getfixturevalue("redis_url")
    return settings


@pytest.fixture
def empty_postgresql_url(postgresql_url: str) -> Iterator[str]:
    """A schema of the test's own in the run's database."""
    schema = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        yield f"{postgresql_url}?options=-csearch_path%3D{schema}"
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
