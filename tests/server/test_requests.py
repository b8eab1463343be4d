"""What a client may send, and how: headers within bounds, at a pace, and no more connections than there is room for."""

import json
import time

import pytest
from small_server import sent_until_closed, until_closed, wait_for

ECHO = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n"


def problem(answer: bytes) -> dict:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    return json.loads(body)


@pytest.mark.parametrize(
    "offer",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
        b"Connection: upgrade\r\nUpgrade: TLS/1.3, websocket\r\n",
    ],
)
def test_an_offer_to_upgrade_is_passed_over_and_the_body_arrives(serve, offer):
    # In two pieces, as Java's HttpClient sends them; not the last request of the connection.
    server = serve()
    connection = server.connect(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n" + offer + b"\r\n")
    connection.sendall(b"hello")
    connection.sendall(ECHO + b"\r\nagain")
    answers = until_closed(connection)
    assert answers.count(b"HTTP/1.1 200") == 2
    assert b"POST /echo 127.0.0.1 hello" in answers
    assert answers.endswith(b"POST /echo 127.0.0.1 again")


def test_a_hundred_headers_are_let_through_and_one_more_is_not(serve):
    server = serve()
    # Three are in ECHO. The body's lines count for nothing.
    answer = server.ask(ECHO + b"X-A: b\r\n" * 97 + b"\r\n" + b"\n" * 5)
    assert answer.startswith(b"HTTP/1.1 200")
    answer = server.ask(ECHO + b"X-A: b\r\n" * 98 + b"\r\nhello")
    assert answer.startswith(b"HTTP/1.1 431")
    found = problem(answer)
    assert (found["type"], found["status"]) == ("/problems/headers-too-large", 431)
    assert "100 headers" in found["detail"]


@pytest.mark.parametrize("kilobytes", [1, 64])
def test_headers_of_so_many_bytes_are_let_through_and_longer_ones_are_not(serve, kilobytes):
    server = serve(header_kilobytes=kilobytes)
    room = kilobytes * 1000 - len(ECHO) - len(b"X-A: \r")
    assert server.ask(ECHO + b"X-A: " + b"a" * room + b"\r\n\r\nhello").startswith(b"HTTP/1.1 200")
    answer = server.ask(ECHO + b"X-A: " + b"a" * (room + 1) + b"\r\n\r\nhello")
    assert (answer[:12], problem(answer)["status"]) == (b"HTTP/1.1 431", 431)


@pytest.mark.parametrize("flood", [b"X-A: b\r\n" * 1000, b"a" * 10_000], ids=["many", "long"])
def test_a_flood_of_headers_without_end_is_answered_and_ended(serve, flood):
    server = serve(discard_megabytes=1)
    connection = server.connect(b"GET / HTTP/1.1\r\nHost: x\r\nX-H: ")
    # What the system buffers on both sides comes on top.
    assert sent_until_closed(connection, flood, most=100_000_000) < 20_000_000
    wait_for(lambda: server.open == 0)


def test_headers_that_do_not_come_in_time_end_the_connection(serve):
    server = serve(header_seconds=0.5)
    silent, trickling = server.connect(), server.connect(b"GET / HTTP/1.1\r\n")
    # Between two requests another bound holds.
    waiting = server.connect(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    assert waiting.recv(1000).startswith(b"HTTP/1.1 200")
    assert until_closed(silent) == b""
    assert problem(until_closed(trickling))["type"] == "/problems/request-timeout"
    waiting.sendall(b"GET / HT")
    assert problem(until_closed(waiting))["status"] == 408
    trickling.close()
    waiting.close()
    wait_for(lambda: server.open == 0)


def test_a_body_that_comes_too_slowly_is_given_up(serve):
    server = serve(body_seconds=0.5, bytes_per_second=1000)
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    trickling = server.connect(head)
    answer = b""
    trickling.settimeout(0.02)
    while not answer:
        trickling.sendall(b"a")
        try:
            answer = trickling.recv(1000)
        except TimeoutError:
            continue
    assert (answer[:12], problem(answer)["type"]) == (b"HTTP/1.1 408", "/problems/request-timeout")


def test_a_body_of_a_steady_pace_is_read_to_its_end(serve):
    server = serve(body_seconds=2, bytes_per_second=1000)
    connection = server.connect(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\nConnection: close\r\n\r\n")
    for _ in range(40):
        connection.sendall(b"a" * 1000)
        time.sleep(0.02)
    assert until_closed(connection).endswith(b"a" * 40_000)


def test_whoever_waits_for_100_continue_is_told_to_go_on(serve):
    connection = serve().connect(ECHO + b"Expect: 100-continue\r\n\r\n")
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    connection.sendall(b"hello")
    assert until_closed(connection).endswith(b"hello")


def test_requests_that_cannot_be_understood_are_problems(serve):
    server = serve()
    for sent in (b"nonsense\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ECHO + b"Bad Header: x\r\n\r\nhello"):
        found = problem(server.ask(sent))
        assert (found["type"], found["status"]) == ("/problems/bad-request", 400)


@pytest.mark.parametrize("order", [1, -1])
def test_a_body_with_two_lengths_is_refused_and_nothing_after_it_is_read(serve, order):
    lengths = (b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n")[::order]
    sent = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\n" + b"".join(lengths) + b"\r\n5\r\nhello\r\n0\r\n\r\n" + ECHO + b"\r\nhello"
    )
    answer = serve().ask(sent)
    assert (answer.count(b"HTTP/1.1 4"), answer.count(b"HTTP/1.1 2")) == (1, 0)


def test_a_chunk_that_cannot_be_understood_ends_the_request(serve):
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert problem(serve().ask(head + b"5\r\nhello\r\nnonsense\r\n"))["status"] == 400


def in_chunks(size: int, count: int) -> bytes:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    return head + (b"%x\r\n%s\r\n" % (size, b"a" * size)) * count + b"0\r\n\r\n"


def test_a_body_in_a_flood_of_tiny_chunks_is_refused(serve):
    server = serve()
    answer = server.ask(in_chunks(1, 300_000))
    assert "at least 64 bytes" in problem(answer)["detail"]
    assert (answer[:12], problem(answer)["type"]) == (b"HTTP/1.1 400", "/problems/bad-request")
    assert server.crowd.ended["headers"] == 1


@pytest.mark.parametrize(("size", "count"), [(1, 1000), (64, 5000), (200_000, 3)])
def test_a_body_in_chunks_of_a_useful_size_arrives(serve, size, count):
    assert serve().ask(in_chunks(size, count)).endswith(b"127.0.0.1 " + b"a" * size * count)


def test_chunks_are_counted_for_each_request_alone(serve):
    one = in_chunks(1, 900).replace(b"Connection: close\r\n", b"")
    assert serve().ask(one + in_chunks(1, 900)).count(b"HTTP/1.1 200") == 2


def test_a_request_may_name_the_whole_url(serve):
    answer = serve().ask(
        b"GET http://example.org:80/echo?a=1 HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
    )
    assert answer.endswith(b"GET /echo 127.0.0.1 ")


def test_one_empty_line_before_a_request_is_skipped(serve):
    first = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\r\n"
    last = b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    server = serve()
    assert server.ask(b"\r\n" + last).startswith(b"HTTP/1.1 200")
    # As some clients send it after a body, before the next request of the connection.
    assert server.ask(first + last).count(b"HTTP/1.1 200") == 2
    assert problem(server.ask(b"\r\n\r\n" + last))["status"] == 400


def test_with_http_1_0_an_answer_of_unknown_length_ends_with_the_connection(serve):
    answer = serve().ask(b"GET /stream HTTP/1.0\r\n\r\n")
    assert b"chunked" not in answer
    assert answer.endswith(b"\r\n\r\none two three")


def test_connections_are_kept_as_long_as_the_setting_says(serve):
    connection = serve(keep_alive_seconds=1).connect(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    assert until_closed(connection).endswith(b"GET /echo 127.0.0.1 ")
    server = serve()
    assert server.server.config.timeout_keep_alive == 75
