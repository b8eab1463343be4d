"""What the server does around the application."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from app.engine.memory import spare_collector
from app.jobs.supervisor import Supervisor
from app.main import create_app
from app.server.config import ServerConfig
from app.server.server import Server
from app.settings import Settings


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_the_collector_is_spared_what_was_there_and_still_finds_what_comes() -> None:
    spare_collector()
    assert gc.get_freeze_count() > 10_000

    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1


def test_the_server_calls_back_when_its_models_are_warm(settings: Settings) -> None:
    app = create_app(settings)
    seen: list[str | None] = []
    called = threading.Event()

    def note() -> None:
        seen.append(app.state.service.health().reason)
        called.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(ServerConfig(app, settings), app.state.service, Supervisor(0, {}), note)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            assert called.wait(60)
            assert seen == [None]
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/healthz/ready"
            assert httpx.get(url, timeout=600).status_code == httpx.codes.OK
        finally:
            server.should_exit = True
            thread.join()
