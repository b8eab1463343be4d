import threading
import time

import pytest

from app.engine.stylizer import Stylizer
from app.main import create_app
from app.registry.error import InvalidModel


def status(client, probe):
    response = client.get(f"/healthz/{probe}")
    if response.status_code == 503:
        assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json().get("detail")


def becomes(client, probe, expected):
    end = time.monotonic() + 60
    while status(client, probe)[0] != expected:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_ready_tells_what_serves(client):
    assert client.get("/healthz/live").json() == {"status": "live"}
    ready = client.get("/healthz/ready").json()
    assert (ready["status"], ready["models"]) == ("ready", ["compact@1", "sketch@1"])
    assert ready["device"].startswith("cpu")


def test_alive_but_not_ready_while_warming_up(connect, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(Stylizer, "warm", lambda _: gate.wait(60))
    client = connect(wait=False)
    try:
        assert status(client, "live") == (200, None)
        assert status(client, "ready") == (503, "The models are being warmed up.")
    finally:
        gate.set()
    becomes(client, "ready", 200)


def test_a_warm_up_that_takes_longer_than_a_batch_may_is_not_alive(connect, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(Stylizer, "warm", lambda _: gate.wait(60))
    client = connect(wait=False, engine_stall_seconds=0.1)
    try:
        becomes(client, "live", 503)
    finally:
        gate.set()


def test_a_failed_warm_up_is_neither_alive_nor_ready(connect, monkeypatch):
    def fail(_):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(Stylizer, "warm", fail)
    client = connect(wait=False)
    becomes(client, "live", 503)
    assert status(client, "ready") == (503, "The models could not be warmed up.")


def test_a_stalled_batch_is_not_alive(connect, monkeypatch, photo):
    client = connect(engine_stall_seconds=0.2, deadline_seconds=0.1)
    gate = threading.Event()
    monkeypatch.setattr(Stylizer, "paint", lambda *_: gate.wait(60))
    try:
        assert client.post("/v1/stylize?styles=great_wave", content=photo).status_code == 504
        becomes(client, "live", 503)
        assert status(client, "ready")[0] == 503
    finally:
        gate.set()
    becomes(client, "live", 200)


@pytest.mark.parametrize("model", ["compact@7", "nothing", "../compact"])
def test_a_model_that_is_missing_stops_the_start(settings, model):
    with pytest.raises(InvalidModel, match=f"There is no model {model}"):
        create_app(settings.model_copy(update={"models": (model,)}))
