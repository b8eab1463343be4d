"""An application on a socket, in a thread of this process, with the small models of tests/conftest.py."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import structlog
from admin_token import TOKEN
from fastapi import FastAPI
from hand_worker import HandWorker
from picture_bytes import encoded
from pydantic import SecretStr

from app.engine import stylizer
from app.jobs.supervisor import Supervisor
from app.main import create_app
from app.model_store.store import open_model_store
from app.model_store.version import VersionStatus
from app.server.config import ServerConfig
from app.server.server import Server
from app.settings import Settings
from app.sql.database import Database
from app.sql.migration import migrate

Connect = Callable[..., httpx.Client]


@pytest.fixture(scope="session", autouse=True)
def plain_log() -> None:
    """structlog's default draws every traceback with all its variables, which takes seconds."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.add_log_level, plain])


@pytest.fixture(scope="module", autouse=True)
def small_warm_up() -> Iterator[None]:
    """Pictures of the usual size took a third of these tests' time, for every application that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stylizer, "WARM_EDGE", 64)
        yield


@pytest.fixture(scope="session")
def settings(models_dir: Path, random_descriptor: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data_dir = tmp_path_factory.mktemp("data")
    return Settings(
        models_dir=models_dir,
        models=("compact", "sketch"),
        device="cpu",
        engine_threads=1,  # with more, each has a graph of its own to compile: most of the time of a start
        edge_pixels=256,
        large_edge_pixels=256,
        result_cache_megabytes=0,  # what is asked for is painted
        data_dir=data_dir,
        descriptor=random_descriptor,
        workers=0,
        jobs_per_minute=10_000,
        waiting_jobs_each=1000,
        unauthorized_per_minute=100_000,
        event_streams_each=1000,
        live_sessions=1000,
        live_sessions_each=1000,
        job_priority=10,
    )


@pytest.fixture(scope="session")
def client(settings: Settings) -> Iterator[httpx.Client]:
    """Warm, and shared by all tests that do not change it."""
    with running(create_app(settings)) as connected:
        wait_until_ready(connected)
        yield connected


@pytest.fixture
def connect(settings: Settings) -> Iterator[Connect]:
    """Further applications, with settings of their own."""
    with connecting(settings) as start:
        yield start


@pytest.fixture(scope="module")
def connect_once(settings: Settings) -> Iterator[Connect]:
    """The same for applications that the tests of a module share: to start one takes most of a second."""
    with connecting(settings) as start:
        yield start


@contextmanager
def connecting(settings: Settings) -> Iterator[Connect]:
    with ExitStack() as open_clients:

        def start(*, wait: bool = True, **changes: Any) -> httpx.Client:
            app = create_app(settings.model_copy(update=changes))
            started = open_clients.enter_context(running(app))
            if wait:
                wait_until_ready(started)
            return started

        yield start


@pytest.fixture(scope="session")
def operator(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Of an application that has the admin routes, with a ledger of its own; it sends the token."""
    changes = {"admin_token": SecretStr(TOKEN), "data_dir": tmp_path_factory.mktemp("operator")}
    app = create_app(settings.model_copy(update=changes))
    with running(app) as connected:
        wait_until_ready(connected)
        connected.service = app.state.service
        connected.headers["Authorization"] = f"Bearer {TOKEN}"
        yield connected


@contextmanager
def running(app: FastAPI) -> Iterator[httpx.Client]:
    """The application behind its server and a real connection; its parts are still at hand to be changed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = app.state.service
        server = Server(ServerConfig(app, service.settings), service, Supervisor(0, {}))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            # To read the certificates that nothing here needs would take longer than most of what is asked.
            with httpx.Client(base_url=url, timeout=600, verify=False) as client:
                client.service = service  # type: ignore[attr-defined]
                yield client
        finally:
            server.should_exit = True
            thread.join()


def wait_until_ready(client: Any) -> None:
    """And until all models are warm: nothing is painted then but what tests ask for."""
    end = time.monotonic() + 600
    while client.get("/healthz/ready").status_code != 200 or not all(
        stylizer.megapixels_per_second for stylizer in client.service.catalogue.stylizers.values()
    ):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A PNG of 48 x 32 pixels, all of them different."""
    y, x = np.mgrid[0:32, 0:48]
    return encoded(np.stack([5 * x, 7 * y, 2 * x + 3 * y], axis=2).astype(np.uint8))


@pytest.fixture
def worker(settings: Settings) -> Iterator[HandWorker]:
    """Of the shared application, whose ledger is empty at the start."""
    worker = HandWorker(settings)
    # The application has made the tables when it was created; a test may ask for the worker first.
    migrate(worker.database)
    worker.empty()
    yield worker
    worker.database.close()


@pytest.fixture(scope="session")
def painting() -> bytes:
    """A PNG of 20 x 20 pixels."""
    y, x = np.mgrid[0:20, 0:20]
    return encoded(np.stack([x * y, 12 * x, 255 - 12 * y], axis=2).astype(np.uint8))


@pytest.fixture
def home(settings, tmp_path):
    """Settings with a ledger, blobs and a cache of their own."""
    return settings.model_copy(update={"data_dir": tmp_path / "home", "models_follow_seconds": 0.05})


@pytest.fixture
def model_store(home):
    opened = open_model_store(home)
    with closing(Database(home.ledger_url)) as database:
        migrate(database)
    yield opened
    opened.close()


@pytest.fixture
def released(model_store, tmp_path, make_version):
    """released(name): publish another version of random weights, and its number."""

    def make(name: str, *, seed: int = 0, status: VersionStatus = VersionStatus.READY) -> int:
        version = model_store.reserve(name)
        root = tmp_path / "made"
        shutil.rmtree(root, ignore_errors=True)
        model_store.publish(name, version, make_version(root, name, version, seed), status=status, by="test")
        return version

    return make
