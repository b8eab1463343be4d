"""A WebSocket on the server: opened where there is one, bounded like any other connection."""

import socket
import struct

from small_server import sent_until_closed, until_closed, until_ends_with, wait_for

HANDSHAKE = (
    b"GET /v1/live HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
# The key of the example in RFC 6455, section 1.3.
ACCEPTED = b"sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


def message(opcode, data, fin=True):
    """Masked with zeros, which leaves the data as they are."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
    return bytes([0x80 * fin | opcode]) + size + bytes(4) + data


def opened(server, **options):
    connection = server.connect(HANDSHAKE, **options)
    answer = until_ends_with(connection, b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101")
    assert ACCEPTED in answer.lower()
    return connection


def test_messages_go_both_ways(serve):
    server = serve()
    connection = opened(server)
    connection.sendall(message(TEXT, b"hello"))
    assert connection.recv(100) == b"\x81\x05hello"
    connection.sendall(message(BINARY, b"he", fin=False) + message(0, b"y"))
    assert connection.recv(100) == b"\x82\x03hey"
    assert server.open == 1
    connection.sendall(message(CLOSE, struct.pack("!H", 1000)))
    assert until_closed(connection) == b"\x88\x02" + struct.pack("!H", 1000)
    wait_for(lambda: server.open == 0)


def test_elsewhere_and_with_other_methods_the_offer_is_passed_over(serve):
    server = serve()
    elsewhere = HANDSHAKE.replace(b"/v1/live", b"/echo").replace(b"keep-alive, Upgrade", b"close, Upgrade")
    assert server.ask(elsewhere).endswith(b"GET /echo 127.0.0.1 ")
    posted = HANDSHAKE.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n")
    connection = server.connect(posted)
    connection.sendall(b"hello")
    assert until_ends_with(connection, b"hello").startswith(b"HTTP/1.1 200")


def test_where_it_is_turned_off_there_is_no_websocket(serve):
    connection = serve(live_sessions=0).connect(HANDSHAKE)
    assert until_ends_with(connection, b"GET /v1/live 127.0.0.1 ").startswith(b"HTTP/1.1 200")


def test_a_handshake_without_its_key_is_refused(serve):
    answer = serve().ask(HANDSHAKE.replace(b"Sec-WebSocket-Key", b"X-Key"))
    assert answer.startswith(b"HTTP/1.1 400")


def test_a_message_beyond_four_frames_is_refused_by_its_header(serve):
    connection = opened(serve(live_frame_megabytes=0.01))
    connection.sendall(message(BINARY, bytes(40_000)))
    assert len(until_ends_with(connection, bytes(40_000))) == 40_004
    connection.sendall(message(BINARY, bytes(40_001))[:8])
    assert until_closed(connection)[2:4] == struct.pack("!H", 1009)


def test_a_flood_of_small_messages_ends_the_connection_and_one_of_large_messages_does_not(serve):
    server = serve()
    fragments = message(0, b"", fin=False) * 1000
    for start, piece in ((b"", message(PING, b"") * 1000), (message(BINARY, b"", fin=False), fragments)):
        connection = opened(server)
        connection.sendall(start)
        assert sent_until_closed(connection, piece, 50_000_000) < 10_000_000
    wait_for(lambda: server.crowd.ended["messages"] == 2)
    connection = opened(server)
    for _ in range(4000):
        connection.sendall(message(BINARY, bytes(400)))
        received = 0
        while received < 404:
            received += len(connection.recv(404 - received))


def test_a_client_that_reads_nothing_is_cut_off(serve):
    server = serve(answer_seconds=0.5)
    connection = opened(server, buffer=4096)
    connection.sendall(message(TEXT, b"large"))
    wait_for(lambda: server.crowd.ended["answer_unread"] == 1)
    wait_for(lambda: server.open == 0)


def test_a_client_that_vanishes_leaves_no_connection(serve):
    server = serve()
    connection = opened(server)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    wait_for(lambda: server.open == 0)
