"""Clips by a running service whose workers are killed: what was painted before is not painted again."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from app.imaging.picture import Picture
from app.video.frame import Frame
from app.video.writing import write_clip

FRAMES = 110
# Distances vary.
TIMES = [Fraction(n * 40 + n % 3 * 7, 1000) for n in range(FRAMES)]
# Segments have 48 frames of this size.
SEGMENT = 48


@pytest.fixture(scope="module")
def clip(astronaut: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    ends = (*TIMES[1:], TIMES[-1] + Fraction(1, 25))
    frames = (
        Frame(Picture(np.ascontiguousarray(astronaut[100:196, n : n + 128])), begins, end - begins)
        for n, (begins, end) in enumerate(zip(TIMES, ends, strict=True))
    )
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, "mp4", frames, 80)
    return path.read_bytes()


@pytest.fixture
def server(launch: Callable[..., Any]) -> Any:
    return launch(
        workers=1,
        job_heartbeat_seconds=0.1,
        job_lease_seconds=1,
        job_sweep_seconds=0.1,
        precision="float32",
    )


def worker_of(server: Any) -> int:
    """The process that does its jobs now."""
    started = [line for line in server.log if line.get("event") == "worker_ready" and "video" in line["kinds"]]
    return int(started[-1]["worker"].split("-")[-2])


def post(server: Any, clip: bytes, **options: str) -> str:
    response = server.client.post("/v1/videos", params={"styles": "starry_night", **options}, content=clip)
    assert response.status_code == 202, response.text
    return response.headers["location"]


def times(data: bytes) -> list[Fraction]:
    with av.open(io.BytesIO(data)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def test_a_killed_workers_clip_goes_on_behind_its_last_segment(server: Any, clip: bytes) -> None:
    path = post(server, clip)

    def job() -> dict[str, Any]:
        return server.client.get(path).json()

    server.wait_for(lambda: job()["facts"].get("frame", 0) > SEGMENT + 10)
    os.kill(worker_of(server), signal.SIGKILL)
    server.wait_for(lambda: job()["status"] in ("done", "failed"))
    done = job()
    assert (done["status"], done["attempt"], done["facts"]["frames"]) == ("done", 2, FRAMES), done
    events = server.client.get(f"{path}/events").text
    frames = [
        (int(found["attempt"]), int(found["frame"])) for found in map(parsed, events.split("\n\n")) if "frame" in found
    ]
    assert frames[0][1] < SEGMENT
    assert min(frame for attempt, frame in frames if attempt == 2) > SEGMENT
    assert times(server.client.get(f"{path}/result").content) == TIMES


def parsed(event: str) -> dict[str, Any]:
    data = [line.removeprefix("data: ") for line in event.split("\n") if line.startswith("data: ")]
    return json.loads(data[0]) if data else {}


def test_a_running_clip_that_is_cancelled_leaves_nothing(server: Any, clip: bytes) -> None:
    path = post(server, clip)
    server.wait_for(lambda: server.client.get(path).json()["facts"].get("frame", 0) > SEGMENT)
    folder = Path(server._log.with_name("data"), "blobs", "jobs", path.rpartition("/")[2])
    assert list(folder.rglob("segments/*"))
    assert server.client.delete(path).status_code == 202
    server.wait_for(lambda: server.client.get(path).json()["status"] == "cancelled")
    server.wait_for(lambda: not folder.exists())
