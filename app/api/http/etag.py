"""Entity tags (RFC 9110, section 8.8.3): made from a SHA-256, and compared with those that a client sends."""

from __future__ import annotations

from starlette.requests import Request

# Hex digits of the hash.
LENGTH = 32


def strong_etag(sha256: str) -> str:
    """The strong tag of the bytes with this SHA-256 in hex."""
    return f'"{sha256[:LENGTH]}"'


def unchanged(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` says that the client has it: 304 and no body will do."""
    return matches(if_none_match(request), etag)


def if_none_match(request: Request) -> str:
    """All fields of that name as one; empty without any."""
    return ", ".join(request.headers.getlist("if-none-match"))


def matches(if_none_match: str, etag: str) -> bool:
    """Section 13.1.2: weak comparison with each member, or `*` for any."""
    members = (member.strip().removeprefix("W/") for member in if_none_match.split(","))
    return any(member in ("*", etag.removeprefix("W/")) for member in members)
