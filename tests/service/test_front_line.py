"""The real process, without a proxy before it: floods, trickles, unread answers, early answers, upgrades, its end."""

import io
import os
import resource
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image

STYLIZE = "/v1/stylize?styles=great_wave"
GUARD_SECONDS = 60  # against waiting for ever, not a measure
OPEN_FILES = 200
H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
NGINX = """
{user} daemon off; error_log stderr; pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off; client_max_body_size 50m;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {url}; }} }}
}}
"""


@pytest.fixture(scope="module")
def photo():
    file = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def server(launch):
    """Of which 200 files may be open, so that 104 connections fit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    started = launch(answer_seconds=1, header_seconds=2, connections=OPEN_FILES - 96)
    resource.prlimit(started.process.pid, resource.RLIMIT_NOFILE, (OPEN_FILES, hard))
    return started


@pytest.fixture
def connect(server):
    with ExitStack() as stack:

        def start(sent=b"", buffer=None):
            connection = stack.enter_context(socket.socket())
            if buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            connection.settimeout(GUARD_SECONDS)
            address = urlsplit(server.url)
            connection.connect((address.hostname, address.port))
            connection.sendall(sent)
            return connection

        yield start


def memory_megabytes(server):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def received(connection):
    answer = b""
    with suppress(OSError):
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def test_an_offer_of_http_2_costs_no_body(connect, photo):
    head = f"POST {STYLIZE} HTTP/1.1\r\nHost: x\r\n{H2C}Content-Length: {len(photo)}\r\n\r\n"
    connection = connect(head.encode())
    connection.sendall(photo)
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("piece", [b"X-A: b\r\n" * 2000, b"a" * 16_000], ids=["many small headers", "one long header"])
def test_a_flood_of_headers_costs_neither_memory_nor_anybodys_time(server, connect, piece):
    before = memory_megabytes(server)
    connection = connect(b"GET / HTTP/1.1\r\nHost: x\r\nX-H: ")
    with suppress(OSError):
        for _ in range(100_000_000 // len(piece)):
            connection.sendall(piece)
    assert memory_megabytes(server) < before + 30
    assert server.client.get("/healthz/ready").status_code == 200


@pytest.mark.parametrize("megabytes", [12, 20])
def test_an_early_refusal_reaches_a_client_that_reads_when_it_has_sent_all(server, megabytes):
    for _ in range(3):
        request = urllib.request.Request(server.url + STYLIZE, data=bytes(megabytes * 1_000_000 + 5_000_000))
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=GUARD_SECONDS)
        with refused.value as answer:
            assert answer.code == 413
            assert b"/problems/body-too-large" in answer.read()


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx here")
def test_an_early_refusal_comes_through_nginx_as_it_is_without_settings(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "nginx.conf"
    config.write_text(
        NGINX.format(user="user root root;" if os.geteuid() == 0 else "", folder=tmp_path, port=port, url=server.url)
    )
    proxy = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}{STYLIZE}"
        server.wait_for(lambda: reachable(port))
        answers = [httpx.post(url, content=bytes(20_000_000), timeout=GUARD_SECONDS) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [413] * 5
    finally:
        proxy.terminate()
        proxy.wait(GUARD_SECONDS)


def reachable(port):
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def test_more_idle_connections_than_open_files_leave_room_for_everybody_else(server, connect, photo):
    for _ in range(2 * OPEN_FILES):
        connect()
    assert httpx.get(server.url + "/healthz/ready", timeout=GUARD_SECONDS).status_code == 200
    assert httpx.post(server.url + STYLIZE, content=photo, timeout=GUARD_SECONDS).status_code == 200
    server.wait_for(lambda: [line for line in server.log if line["event"] == "connections_full"])


def test_trickled_headers_end_in_time(server, connect):
    trickling = [connect(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ") for _ in range(30)]
    for connection in trickling:
        assert b" 408 " in received(connection)[:20]
    server.wait_for(lambda: server.gauge("connections") <= 2)


def test_answers_that_nobody_reads_are_given_up(server, connect):
    # Asked for again and again on one connection: more than the systems of both ends hold for each other.
    for _ in range(20):
        connect(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200, buffer=4096)
    server.wait_for(lambda: 'connections_ended_total{reason="answer_unread"}' in server.client.get("/metrics").text)
    server.wait_for(lambda: server.gauge("connections") <= 2)
    assert server.client.get("/healthz/ready").status_code == 200


def test_http_1_0_is_not_chunked(connect):
    answer = received(connect(b"GET /metrics HTTP/1.0\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"chunked" not in answer.lower()


def test_after_sigterm_readiness_fails_first_and_requests_are_taken_for_a_while(launch, photo):
    server = launch(drain_seconds=600)  # however busy the machine is; the second signal ends it
    server.process.send_signal(signal.SIGTERM)
    server.wait_for(lambda: [line for line in server.log if line["event"] == "draining"])
    ready = httpx.get(server.url + "/healthz/ready", timeout=GUARD_SECONDS)
    assert (ready.status_code, ready.headers["connection"]) == (503, "close")
    assert "stopped" in ready.json()["detail"]
    assert httpx.get(server.url + "/healthz/live", timeout=GUARD_SECONDS).status_code == 200
    assert httpx.post(server.url + STYLIZE, content=photo, timeout=GUARD_SECONDS).status_code == 200
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(GUARD_SECONDS) in (0, -signal.SIGTERM)
    assert not [line for line in server.log if line["level"] in ("error", "critical")]
