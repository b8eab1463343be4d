"""`pastiche serve` alone: a picture is sent, its worker is killed, and the painting comes all the same."""

from __future__ import annotations

import io
import os
import signal
from pathlib import Path

import pytest
from job_house import QUICK
from PIL import Image

# Steps so small that the loss falls for seconds on end, and the job does not stop early.
OPTIONS = {
    "size": "192",
    "scales": "1",
    "iterations": "1500",
    "tolerance": "0",
    "optimiser": "adam",
    "learning_rate": "0.0001",
}


@pytest.fixture
def server(launch, random_descriptor: Path):
    return launch(workers=1, worker_threads=1, descriptor=random_descriptor, precision="float32", **QUICK)


def worker_pid(server) -> int:
    """Of the worker that became ready last; it is in its name."""
    names = [line["worker"] for line in server.log if line["event"] == "worker_ready"]
    return int(names[-1].split("-")[-2]) if names else 0


def test_a_painting_survives_the_death_of_its_worker_and_the_server_leaves_nothing_behind(server, photos) -> None:
    def job() -> dict:
        return server.client.get(location).json()

    with (photos / "chelsea.png").open("rb") as content, (photos / "coffee.png").open("rb") as style:
        made = server.client.post("/v1/jobs", data=OPTIONS, files={"content": content, "style": style})
    assert made.status_code == 202, made.text
    location = made.headers["Location"]
    server.wait_for(lambda: job()["progress"] > 0.1)
    killed = worker_pid(server)
    os.kill(killed, signal.SIGKILL)
    server.wait_for(lambda: job()["status"] == "done")
    ended = job()
    assert ended["attempt"] == 2
    told = [point["iteration"] for point in ended["losses"]]
    assert told == sorted(set(told))
    assert not [line for line in server.log if line["event"].startswith("checkpoint_")]
    assert Image.open(io.BytesIO(server.client.get(f"{location}/result").content)).size == (192, 128)
    restarted = worker_pid(server)
    assert restarted != killed
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(60)
    with pytest.raises(ProcessLookupError):
        os.kill(restarted, 0)
    assert [line for line in server.log if line["event"] == "worker_stopped"]
