"""Clients that trickle, stall or vanish by the hundred do not keep the others from their paintings."""

import io
import socket
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image

STYLIZE = "/v1/stylize?styles=great_wave&format=png"
SLOW_CLIENTS = 200
GUARD_SECONDS = 120  # against waiting for ever, not a measure


@pytest.fixture(scope="module")
def photo():
    """A PNG of some 50 kB: noise does not compress."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)).save(file, "png")
    return file.getvalue()


def begin(stack, server, body, declared):
    """A connection that has sent this much of its body."""
    address = urlsplit(server.url)
    connection = stack.enter_context(socket.create_connection((address.hostname, address.port)))
    head = f"POST {STYLIZE} HTTP/1.1\r\nHost: x\r\nContent-Length: {declared}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def paint(server, photo):
    return httpx.post(server.url + STYLIZE, content=photo, timeout=600)


def test_hundreds_that_trickle_and_vanish_change_no_answer(launch, photo):
    server = launch()
    alone = paint(server, photo)
    assert alone.status_code == 200
    with ExitStack() as stack:
        clients = [begin(stack, server, photo[:1000], len(photo)) for _ in range(SLOW_CLIENTS)]
        server.wait_for(lambda: server.gauge("upload_bytes") == 1000 * SLOW_CLIENTS)
        for turn in range(10):
            for client in clients[::2]:
                client.sendall(photo[1000 + turn : 1001 + turn])
            for client in clients[1 + 20 * turn : 20 + 20 * turn : 2]:
                client.close()
            assert paint(server, photo).content == alone.content
    server.wait_for(lambda: server.gauge("upload_bytes") == server.gauge("queue_megapixels") == 0)
    server.wait_for(lambda: sum(line.get("status") == 499 for line in server.log) == SLOW_CLIENTS)
    assert not [line for line in server.log if line["level"] in ("error", "critical")]


def test_uploads_that_stall_make_room_when_they_have_taken_all_there_is(launch, photo):
    # Their deadline would hold them for ten minutes.
    server = launch(uploads_megabytes=0.5, deadline_seconds=600)
    with ExitStack() as stack:
        stalled = [begin(stack, server, bytes(95_000), 200_000) for _ in range(5)]
        server.wait_for(lambda: server.gauge("upload_bytes") == 475_000)
        end = time.monotonic() + GUARD_SECONDS
        while (answer := paint(server, photo)).status_code == 503:
            assert time.monotonic() < end
            time.sleep(int(answer.headers["retry-after"]))
        assert answer.status_code == 200
        stalled[0].settimeout(GUARD_SECONDS)
        told = stalled[0].recv(4096)
        assert told.startswith(b"HTTP/1.1 503")
        # The others have kept their room: nobody needed it.
        assert server.gauge("upload_bytes") == 4 * 95_000
    server.wait_for(lambda: server.gauge("upload_bytes") == 0)
