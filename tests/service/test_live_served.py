"""Live sessions of the real process: beside requests, when it ends, and with clients that die."""

import io
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from live_painter import Painter
from PIL import Image

# Sends frames for ever, from a process of its own.
CLIENT = """
import sys
from live_painter import Painter
with Painter(sys.argv[1]) as painter:
    painter.said()
    painter.choose(styles="great_wave", rate=0)
    frame = sys.stdin.buffer.read()
    while True:
        painter.send(frame)
"""


@pytest.fixture(scope="module")
def frame():
    file = io.BytesIO()
    Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint32).reshape(64, 64, 3).astype(np.uint8)).save(file, "jpeg")
    return file.getvalue()


@pytest.fixture(scope="module")
def slow(launch):
    return launch(paint_seconds=0.05)


def begin(server):
    painter = Painter(server.url)
    painter.said()
    painter.choose(styles="great_wave", rate=0)
    return painter


def test_sigterm_ends_sessions_with_their_reason(launch, frame):
    server = launch(paint_seconds=0.01)
    with begin(server) as painter:
        painter.send(frame)
        painter.picture()
        server.process.send_signal(signal.SIGTERM)
        assert painter.problem()["type"] == "/problems/model-unavailable"
        assert painter.end() == (1012, "model-unavailable")
    assert server.process.wait(60) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    assert not [line for line in server.log if line["level"] in ("error", "critical")]
    [line] = [line for line in server.log if line["event"] == "live_session"]
    assert (line["frames"], line["answered"]) == (1, 1)


def test_while_it_drains_nobody_begins(launch):
    server = launch(paint_seconds=0.01, drain_seconds=600)
    with begin(server) as painter:
        server.process.send_signal(signal.SIGTERM)
        server.wait_for(lambda: server.client.get("/healthz/ready").status_code == 503)
        with Painter(server.url) as late:
            assert late.end_after_problem() == ("/problems/model-unavailable", 1012)
        server.process.send_signal(signal.SIGTERM)
        assert painter.end_after_problem() == ("/problems/model-unavailable", 1012)
    server.process.wait(60)


def test_clients_that_are_killed_leave_nothing(slow, frame):
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    arguments = [sys.executable, "-c", CLIENT, slow.url]
    environment = os.environ | {"PYTHONPATH": path}
    for _ in range(2):
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, env=environment) as client:
            client.stdin.write(frame)
            client.stdin.close()
            slow.wait_for(lambda: slow.gauge("batch_pictures") == 1)
            client.kill()
        for name in ("live_sessions", "queue_megapixels", "batch_pictures", "codec_steps"):
            slow.wait_for(lambda name=name: slow.gauge(name) == 0)
    assert not [line for line in slow.log if line["level"] in ("error", "critical")]


def test_frames_and_pictures_are_painted_beside_each_other(slow, frame):
    with begin(slow) as painter, ThreadPoolExecutor(4) as crowd:
        answers = [
            crowd.submit(httpx.post, f"{slow.url}/v1/stylize?styles=great_wave", content=frame, timeout=600)
            for _ in range(12)
        ]
        for number in range(1, 9):
            painter.send(frame)
            assert painter.picture()[0]["frame"] == number
        assert {answer.result().status_code for answer in answers} == {200}
