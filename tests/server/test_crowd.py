"""More connections than there is room for: whoever does nothing goes first, and nobody is turned away in silence."""

import json

import pytest
from small_server import until_closed, until_ends_with, wait_for

from app.server.limits import OTHER_FILES, connections
from app.settings import SettingsError

ECHO = b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HALF = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"


def test_idle_connections_make_room_for_new_ones(serve):
    server = serve(connections=5)
    idle = [server.connect() for _ in range(5)]
    wait_for(lambda: server.open == 5)
    for _ in range(3):
        assert server.ask(ECHO).startswith(b"HTTP/1.1 200")
    assert until_closed(idle[0]) == b""
    # One place was enough for the three of them, one after another.
    wait_for(lambda: server.open == 4)
    assert server.crowd.ended["connections"] >= 1


def test_who_has_a_request_in_work_keeps_it_and_the_next_one_is_told_to_come_later(serve):
    server = serve(connections=3)
    busy = [server.connect(HALF) for _ in range(3)]
    wait_for(lambda: len(server.server.server_state.tasks) == 3)
    for _ in range(2):
        answer = server.ask(ECHO)
        assert answer.startswith(b"HTTP/1.1 503")
        assert 5 <= int(answer.partition(b"Retry-After: ")[2].split()[0]) <= 10
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "/problems/overloaded"
    for connection in busy:
        connection.sendall(b"whole!")
        until_ends_with(connection, b"halfwhole!")
    assert server.ask(ECHO).startswith(b"HTTP/1.1 200")


def test_trickling_bodies_and_unread_answers_make_room_before_their_time_is_over(serve):
    server = serve(connections=4)
    trickling = [server.connect(HALF) for _ in range(2)]
    unread = [server.connect(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", buffer=4096) for _ in range(2)]
    wait_for(lambda: len(server.crowd._behind) == 4)
    for _ in range(4):
        assert server.ask(ECHO).startswith(b"HTTP/1.1 200")
    assert +server.crowd.ended == {"connections": server.crowd.ended["connections"]}  # without the zeros
    for connection in (*trickling, *unread):
        connection.close()


def test_a_flood_of_connections_is_told_of_in_the_log_now_and_then(serve, capsys):
    server = serve(connections=2)
    for _ in range(20):
        server.connect()
    wait_for(lambda: server.crowd.ended["connections"] >= 18)
    assert capsys.readouterr().out.count("connections_full") == 1


@pytest.mark.parametrize(
    ("asked", "files", "expected"),
    [(None, 200, 200 - OTHER_FILES), (None, 20_000, 4096), (None, None, 4096), (50, 200, 50), (9000, None, 9000)],
)
def test_connections_stay_below_the_open_files(asked, files, expected):
    assert connections(asked, files) == expected


def test_more_connections_than_open_files_stop_the_start():
    with pytest.raises(SettingsError, match=r"^PASTICHE_CONNECTIONS: at most 104 fit within the limit of 200 open"):
        connections(105, 200)
