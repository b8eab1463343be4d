"""The clients of the service's benchmark count what came back, and when."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.service.loopback import GONE, Answer, Connection, Load, Request, arrivals, closed_loop, open_loop

ASKED = Request("/v1/stylize?styles=a", b"photo")


def answering(*replies: bytes):
    """A server that gives one of the replies after the other, the last for ever; and the requests that it read."""
    seen: list[bytes] = []

    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen.append(head + await reader.readexactly(len(ASKED.body)))
                reply = replies[min(len(seen), len(replies)) - 1]
                if not reply:
                    break
                writer.write(reply)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    return asyncio.start_server(serve, "127.0.0.1", 0), seen


def run(replies, use):
    """What `use(port)` gives with such a server, and what that read."""

    async def main():
        starting, seen = answering(*replies)
        server = await starting
        try:
            return await use(server.sockets[0].getsockname()[1]), seen
        finally:
            server.close()

    return asyncio.run(main())


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nETag: x\r\n\r\nabc"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
CLOSED = b""


def test_a_connection_is_kept_and_answers_are_told_apart():
    async def use(port):
        connection = Connection(port)
        found = [await connection.post(ASKED) for _ in range(3)]
        connection.close()
        return found

    answers, seen = run([OK, REFUSED, OK], use)
    assert [(answer.status, answer.size) for answer in answers] == [(200, 3), (503, 0), (200, 3)]
    assert answers[1].headers["retry-after"] == "2"
    assert seen[0].startswith(b"POST /v1/stylize?styles=a HTTP/1.1\r\n")
    assert seen[0].endswith(b"\r\n\r\nphoto")


def test_a_connection_that_broke_is_an_answer_and_the_next_one_is_new():
    async def use(port):
        connection = Connection(port)
        found = [await connection.post(ASKED) for _ in range(2)]
        connection.close()
        return [answer.status for answer in found]

    assert run([CLOSED, OK], use)[0] == [GONE, 200]


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again_once():
    async def use(port):
        connection = Connection(port)
        found = [await connection.post(ASKED) for _ in range(2)]
        connection.close()
        return [answer.status for answer in found]

    assert run([OK, CLOSED, OK], use)[0] == [200, 200]
    assert run([OK, CLOSED, CLOSED], use)[0] == [200, GONE]


def test_a_closed_loop_and_an_open_one_ask_and_count():
    async def use(port):
        return await closed_loop(port, [ASKED], 2, 0.1), await open_loop(port, [ASKED], 100, 0.2)

    (closed, opened), seen = run([OK], use)
    assert len(closed.good) >= 2
    assert len(opened.good) == len(list(arrivals(100, 0.2)))
    assert len(seen) == len(closed.answers) + len(opened.answers)


def test_arrivals_come_at_the_rate_and_are_always_the_same():
    times = list(arrivals(50, 100))
    assert times == sorted(times) == list(arrivals(50, 100))
    assert times[-1] < 100
    assert len(times) == pytest.approx(5000, rel=0.05)


def test_figures_are_of_good_answers_and_seconds_of_all():
    answers = [Answer(0, 1, 200, {}, 1), Answer(0, 3, 200, {}, 1), Answer(1, 4, 503, {}, 0)]
    load = Load(answers, began=0.0)
    assert (load.rate, load.p50, load.seconds) == (0.5, 2.0, 4.0)
    assert load.p99 == pytest.approx(2.98)
    assert load.good_between(0, 3) == 1
