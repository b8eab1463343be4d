"""What only a real process shows: signals, connections that break, queues that fill."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image

STYLIZE = "/v1/stylize?styles=great_wave"


@pytest.fixture(scope="module")
def photo():
    file = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def slow(launch):
    """A second a picture, and room for four of the least size that counts (128 x 128)."""
    return launch(paint_seconds=1, queue_megapixels=4.5 * 128 * 128 / 1e6)


def post(server, photo):
    return httpx.post(server.url + STYLIZE, content=photo, timeout=600)


def send(server, photo, declared=None):
    """A request on a socket of our own, to be left whenever we want."""
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname, address.port))
    head = f"POST {STYLIZE} HTTP/1.1\r\nHost: x\r\nContent-Length: {declared or len(photo)}\r\n\r\n"
    connection.sendall(head.encode() + photo)
    return connection


def lines_of(server, request_id):
    # A line is written after its answer was sent, but before the next request is looked at.
    server.client.get("/healthz/live")
    return [line for line in server.log if line.get("request_id") == request_id]


def idle(server):
    return server.gauge("queue_megapixels") == server.gauge("upload_bytes") == server.gauge("codec_steps") == 0


def test_clients_that_leave_free_the_queue_before_they_would_be_painted(slow, photo):
    # One first, and alone: two that are there together are painted side by side.
    with slow.holding():
        connections = [send(slow, photo)]
        slow.wait_for(lambda: slow.gauge("batch_pictures") == 1)
        connections += [send(slow, photo) for _ in range(3)]
        slow.wait_for(lambda: slow.gauge("queue_pictures") == 3)
        assert slow.gauge("queue_megapixels") == pytest.approx(4 * 128 * 128 / 1e6)
        for connection in connections:
            connection.close()
        slow.wait_for(lambda: slow.gauge("queue_pictures") == 0)
    # The one that is being painted is not interrupted; nothing else is painted after it.
    slow.wait_for(lambda: idle(slow))
    slow.wait_for(lambda: len([line for line in slow.log if line.get("status") == 499]) == 4)
    assert not [line for line in slow.log if line["level"] in ("error", "critical")]


def test_a_client_that_leaves_in_the_middle_of_its_upload(slow, photo):
    connection = send(slow, photo, declared=len(photo) + 100)
    slow.wait_for(lambda: slow.gauge("upload_bytes") == len(photo))
    connection.close()
    slow.wait_for(lambda: idle(slow))


def test_overload_is_refused_at_once_with_the_time_to_retry(slow, photo):
    with ThreadPoolExecutor(12) as crowd:
        with slow.holding():
            asked = [crowd.submit(post, slow, photo) for _ in range(12)]
            refused = [future.result() for future in islice(as_completed(asked), 8)]
        answers = [future.result() for future in asked]
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [503] * 8
    for answer in refused:
        assert answer.json()["type"] == "/problems/overloaded"
        # The queue of four pictures is empty after four seconds, and clients are spread over as long again.
        assert 1 <= int(answer.headers["retry-after"]) <= 10
    slow.wait_for(lambda: idle(slow))
    assert post(slow, photo).status_code == 200


def test_a_large_body_is_refused_without_breaking_the_connection(slow):
    for _ in range(2):
        answer = slow.client.post(STYLIZE, content=b"x" * 20_000_000)
        assert answer.status_code == 413
        assert answer.json()["type"] == "/problems/body-too-large"


def test_a_client_that_waits_for_100_continue_is_spared_the_upload(slow):
    connection = socket.create_connection((urlsplit(slow.url).hostname, urlsplit(slow.url).port))
    with connection:
        head = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.format("/v1/stylize?styles=nothing", 1000).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 422")


def test_the_deadline_answers_504_to_slow_paintings_and_slow_uploads_alike(launch, photo):
    server = launch(paint_seconds=0.5, deadline_seconds=0.3)
    answer = post(server, photo)
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/deadline-exceeded")
    server.wait_for(lambda: idle(server))
    assert server.client.get("/healthz/ready").status_code == 200
    with send(server, photo[:10], declared=1000) as connection:
        connection.settimeout(60)
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
    assert received.startswith(b"HTTP/1.1 504")
    server.wait_for(lambda: idle(server))


def test_sigterm_lets_the_requests_in_flight_finish(launch, photo):
    server = launch(paint_seconds=1)
    with ThreadPoolExecutor(3) as crowd:
        with server.holding():
            answers = [crowd.submit(post, server, photo) for _ in range(3)]
            server.wait_for(lambda: server.gauge("queue_pictures") + server.gauge("batch_pictures") == 3)
            server.process.send_signal(signal.SIGTERM)
        assert [answer.result().status_code for answer in answers] == [200, 200, 200]
    assert server.process.wait(60) in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    with pytest.raises(httpx.ConnectError):
        post(server, photo)
    assert not [line for line in server.log if line["level"] in ("error", "critical")]


def test_ctrl_c_is_an_end_and_no_error(launch):
    server = launch()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 0
    assert not [line for line in server.log if line["level"] in ("error", "critical")]


def test_probes_are_answered_while_the_engine_paints(slow, photo):
    with ThreadPoolExecutor(1) as crowd:
        with slow.holding():
            painting = crowd.submit(post, slow, photo)
            slow.wait_for(lambda: slow.gauge("batch_pictures") == 1)
            assert slow.client.get("/healthz/live").status_code == 200
            assert not painting.done()
        assert painting.result().status_code == 200


def test_the_log_says_what_was_found_of_the_machine_and_what_came_of_it(slow):
    [line] = [line for line in slow.log if line["event"] == "machine"]
    assert 1 <= line["cores"] <= line["allowed"] <= line["processors"]
    assert line["engine_threads"] == line["cores"] or line["quota"]
    assert line["queue_megapixels"] == 0.1  # the setting, not the default
    assert line["open_files"] is None or line["open_files"] >= 256


def test_every_line_of_the_log_is_json_and_requests_have_theirs(slow, photo):
    slow.client.post(STYLIZE, content=photo, headers={"X-Request-ID": "find-me"})
    [line] = lines_of(slow, "find-me")
    assert (line["event"], line["status"], line["path"]) == ("request", 200, "/v1/stylize")


def test_a_clients_mistake_is_one_line(slow):
    headers = {"X-Request-ID": "mistaken", "Content-Type": "multipart/form-data; boundary=b"}
    slow.client.post(STYLIZE, content=b"--c\r\nnot a form", headers=headers)
    [line] = lines_of(slow, "mistaken")
    assert (line["problem"], line["level"]) == ("malformed-body", "info")


def test_a_broken_model_stops_the_start_with_a_sentence(models_dir, tmp_path):
    broken = tmp_path / "models"
    shutil.copytree(models_dir, broken)
    with (broken / "compact" / "1" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    # A data folder that a service has used remembers another version, which would be served instead.
    data = {"PASTICHE_DATA_DIR": str(tmp_path / "data")}
    environment = os.environ | {"PASTICHE_MODELS_DIR": str(broken), "PASTICHE_PORT": "0"} | data
    ended = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve"], env=environment, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 1
    assert "model.safetensors of compact@1 has another SHA-256" in ended.stderr
    assert "Traceback" not in ended.stderr
