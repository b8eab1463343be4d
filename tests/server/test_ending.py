"""A server that is asked to end."""

import signal

from small_server import until_closed, wait_for


def test_after_sigterm_requests_are_taken_for_a_while_and_each_is_the_last_of_its_connection(serve):
    server = serve(drain_seconds=0.5)
    waiting = server.connect(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"connection: close" not in waiting.recv(1000).lower()
    server.server.handle_exit(signal.SIGTERM, None)
    wait_for(lambda: server.server._service.draining)
    answer = server.ask(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert until_closed(waiting) == b""
    server.thread.join(120)
    assert not server.thread.is_alive()


def test_after_an_interrupt_it_ends_at_once(serve):
    server = serve(drain_seconds=3000)
    idle = server.connect()
    wait_for(lambda: server.open == 1)
    server.server.handle_exit(signal.SIGINT, None)
    server.thread.join(120)
    assert not server.thread.is_alive()
    assert until_closed(idle) == b""


def test_a_second_signal_ends_the_wait(serve):
    server = serve(drain_seconds=3000)
    server.server.handle_exit(signal.SIGTERM, None)
    wait_for(lambda: server.server._service.draining)
    server.server.handle_exit(signal.SIGTERM, None)
    server.thread.join(120)
    assert not server.thread.is_alive()
