"""Where the server listens."""

import socket

import pytest
from small_server import until_ends_with

from app.server.listening import open_sockets, url
from app.server.protocol import unmapped
from app.settings import SettingsError


def test_two_colons_are_all_addresses_of_both_kinds(serve):
    server = serve(host="::")
    for host, shown in (("127.0.0.1", b"127.0.0.1"), ("::1", b"::1")):
        connection = server.connect(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", host=host)
        until_ends_with(connection, b"GET /echo " + shown + b" ")


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (("::ffff:192.0.2.1", 9), ("192.0.2.1", 9)),
        (("2001:db8::1", 9), ("2001:db8::1", 9)),
        (("192.0.2.1", 9), ("192.0.2.1", 9)),
        (("fe80::1%eth0", 9), ("fe80::1%eth0", 9)),
        (None, None),
    ],
)
def test_a_mapped_address_is_one_of_ipv4(client, expected):
    assert unmapped(client) == expected


def test_a_taken_port_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"PASTICHE_PORT: cannot listen on http://127.0.0.1:{port} \("):
            open_sockets("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_that_is_not_here_is_one_sentence(host):
    with pytest.raises(SettingsError, match=r"^PASTICHE_HOST"):
        open_sockets(host, 0)


def test_urls_have_brackets_around_ipv6():
    assert url(("::", 8000, 0, 0)) == "http://[::]:8000"
    assert url(("127.0.0.1", 8000)) == "http://127.0.0.1:8000"
