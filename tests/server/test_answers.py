"""Answers reach who still sends, and are not kept for who does not read them."""

import time
import urllib.error
import urllib.request

import pytest
from small_server import LARGE, sent_until_closed, until_closed, until_ends_with, wait_for

GET_LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("megabytes", [1, 12, 40])
def test_an_early_refusal_reaches_a_client_that_sends_on(serve, megabytes):
    # urllib asks for the connection to be closed, and reads when it has sent everything.
    request = urllib.request.Request(f"http://127.0.0.1:{serve().port}/refuse", data=bytes(megabytes * 1_000_000))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=600)
    with refused.value as answer:
        assert (answer.code, answer.read()) == (413, b"refused")


def test_a_connection_goes_on_after_an_early_refusal(serve):
    server = serve(header_seconds=0.5)
    connection = server.connect(b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
    until_ends_with(connection, b"refused")
    connection.sendall(bytes(3_000_000))
    # Longer than the headers of a request may take: none has begun.
    wait_for(lambda: not server.server.server_state.tasks)
    wait_for(lambda: server.crowd._waiting)
    connection.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert until_closed(connection).endswith(b"GET /echo 127.0.0.1 ")


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
def test_no_more_is_discarded_than_the_bound(serve, close):
    server = serve(discard_megabytes=1)
    head = b"POST /refuse HTTP/1.1\r\nHost: x\r\n" + close + b"Content-Length: 1000000000\r\n\r\n"
    connection = server.connect(head)
    # What the system buffers on both sides comes on top.
    assert sent_until_closed(connection, bytes(100_000), most=1_000_000_000) < 20_000_000
    wait_for(lambda: server.open == 0)


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
def test_who_is_refused_and_goes_silent_is_not_waited_for(serve, close):
    server = serve(discard_seconds=0.5)
    head = b"POST /refuse HTTP/1.1\r\nHost: x\r\n" + close + b"Content-Length: 1000000\r\n\r\n"
    server.connect(head + bytes(1000))
    wait_for(lambda: server.open == 1)
    wait_for(lambda: server.open == 0)


def test_answers_that_nobody_reads_are_given_up(serve):
    server = serve(answer_seconds=0.5)
    for _ in range(3):
        server.connect(GET_LARGE, buffer=4096)
    wait_for(lambda: server.crowd.ended["answer_unread"] == 3)
    wait_for(lambda: server.open == 0)


def test_an_answer_that_is_read_slowly_and_steadily_is_sent_whole(serve):
    server = serve(answer_seconds=3, bytes_per_second=100_000)
    connection = server.connect(GET_LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), buffer=65_536)
    received = bytearray()
    while chunk := connection.recv(20_000):
        received += chunk
        time.sleep(0.001)
    assert received.endswith(LARGE)


def test_of_unread_answers_no_more_is_kept_than_the_bound(serve):
    server = serve(unsent_megabytes=20)
    for _ in range(5):
        server.connect(GET_LARGE, buffer=4096)
    # 8 MB each, less what the system holds: two fit, and the others have read nothing for longer.
    wait_for(lambda: server.crowd.ended["unsent"] >= 2)
    wait_for(lambda: server.open <= 3)
    assert server.ask(GET_LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).endswith(LARGE)
