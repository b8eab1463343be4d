"""Which URLs webhooks may be sent to, and at which addresses: what clients name must not reach into our network."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

MAX_URL_CHARACTERS = 2000
DEFAULT_PORTS = {"https": 443, "http": 80}

Address = IPv4Address | IPv6Address


class Undelivered(Exception):
    """The receiver did not take it, for the reason in the message."""


def is_allowed(url: str, origins: Sequence[str]) -> bool:
    """Whether a URL is of one of the origins (`PASTICHE_WEBHOOK_ORIGINS`), and has no user, password or fragment."""
    if len(url) > MAX_URL_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc or parts.fragment:
        return False
    return any(_is_of(parts, port, urlsplit(origin)) for origin in origins)


def _is_of(parts: SplitResult, port: int | None, origin: SplitResult) -> bool:
    host, allowed = parts.hostname or "", origin.hostname or ""
    default = DEFAULT_PORTS[parts.scheme]
    if parts.scheme != origin.scheme or (port or default) != (origin.port or default):
        return False
    return host.endswith(allowed[1:]) and host != allowed[2:] if allowed.startswith("*.") else host == allowed


def public_addresses(host: str, port: int) -> list[Address]:
    """Where the host is. Raises Undelivered unless all of its addresses are public ones."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Undelivered(f"the host is not found ({error.strerror})") from error
    addresses = [ip_address(str(place[0])) for *_, place in found]
    if not all(map(is_public, addresses)):
        raise Undelivered("the host has a private address")
    return addresses


def is_public(address: Address) -> bool:
    """Whether it is one that everybody in the Internet can reach, seen through IPv6's ways to write IPv4's."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast
