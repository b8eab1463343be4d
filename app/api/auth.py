"""Who may use the public routes: everybody, or with PASTICHE_API_KEYS those with one of the keys; and who it was."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.requests import Request

from app.errors import Unauthorized

bearer = HTTPBearer(auto_error=False, description="One of the keys in PASTICHE_API_KEYS.")
# Networks give each of their machines many addresses of IPv6, so that one is told by its network.
IPV6_NETWORK = 64

Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def require_key(keys: Sequence[SecretStr]) -> Callable[[Request, Credentials], Awaitable[None]]:
    """A dependency that raises Unauthorized unless the request has one of `keys`, which is its principal then."""
    known = [key.get_secret_value().encode() for key in keys]

    async def check(request: Request, credentials: Credentials) -> None:
        if credentials is None:
            raise Unauthorized("Send one of the service's keys as `Authorization: Bearer <key>`.")
        # The bytes as they were sent: headers are decoded as Latin-1 on the way in.
        given = credentials.credentials.encode("latin-1")
        # All keys, also after a match: the time must not tell which one it was.
        if not any([hmac.compare_digest(given, key) for key in known]):  # noqa: C419
            raise Unauthorized("The key is not one of the service's.")
        # A part of its hash tells keys apart, and may lie in a database.
        request.state.principal = f"key-{hashlib.sha256(given).hexdigest()[:32]}"

    return check


def principal_of(request: Request) -> str:
    """Whose the request is, for jobs and quotas: the API key's, or without keys the address's that it came from."""
    if (key := getattr(request.state, "principal", None)) is not None:
        return str(key)
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a Unix socket has none
        return "address-unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return f"address-{ipaddress.ip_network((address, IPV6_NETWORK), strict=False)}"
    return f"address-{address}"
