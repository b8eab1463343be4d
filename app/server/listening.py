"""The sockets that the server listens on."""

from __future__ import annotations

import errno
import socket
from typing import Any

from app.settings import SettingsError

EVERY_IPV6 = "::"


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Sockets that are bound but do not listen yet: until the server has started, connections are refused.

    `::` means all addresses of this machine, including IPv4.

    Raises:
        SettingsError: the host has no address here, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"PASTICHE_HOST: {host!r} is not an address of this machine ({reason(error)}).") from None
    bound: list[socket.socket] = []
    for family, _, protocol, _, address in dict.fromkeys(found):
        try:
            bound.append(bind(family, protocol, address, both=host == EVERY_IPV6))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL and len(found) > 1:
                continue  # a name such as localhost may resolve to an IPv6 address that this machine does not have
            close(bound)
            raise SettingsError(
                f"PASTICHE_HOST, PASTICHE_PORT: cannot listen on {url(address)} ({reason(error)}). Use another port, "
                "or stop what listens there."
            ) from None
    if not bound:
        raise SettingsError(f"PASTICHE_HOST: {host!r} is not an address of this machine.")
    return bound


def bind(family: int, protocol: int, address: Any, *, both: bool) -> socket.socket:
    """
    Args:
        both: whether an IPv6 socket accepts IPv4 connections, too.
    """
    listening = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both))
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening


def close(sockets: list[socket.socket]) -> None:
    for each in sockets:
        each.close()


def reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def url(address: tuple[object, ...]) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in str(host) else f"http://{host}:{port}"
