"""Who sent a request: anybody, the holder of an API key, or the operator.

With PASTICHE_API_KEYS the public routes require one of the keys. The token in PASTICHE_ADMIN_TOKEN opens them as well,
and the admin routes.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection, Request

from app.api.http.keyring import Keyring
from app.errors import Unauthorized

bearer = HTTPBearer(auto_error=False, scheme_name="ApiKey", description="One of the keys in PASTICHE_API_KEYS.")
admin_bearer = HTTPBearer(auto_error=False, scheme_name="AdminToken", description="The token in PASTICHE_ADMIN_TOKEN.")
# A machine may have many IPv6 addresses of its network, so the network identifies it.
IPV6_NETWORK = 64
# The principal of the operator's jobs: not the token, which may change while they run.
ADMIN = "admin"
FINGERPRINT_CHARACTERS = 12

Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
AdminCredentials = Annotated[HTTPAuthorizationCredentials | None, Security(admin_bearer)]
Check = Callable[[Request, HTTPAuthorizationCredentials | None], Awaitable[None]]


def require_key(keyring: Keyring) -> Check:
    """A dependency that raises Unauthorized unless the request has an API key, which is its principal then."""

    async def check(request: Request, credentials: Credentials) -> None:
        identify(request, credentials, keyring)

    return check


def identify(connection: HTTPConnection, credentials: HTTPAuthorizationCredentials | None, keyring: Keyring) -> None:
    """Remember whose request it is. Raises Unauthorized: it has neither an API key nor the operator's token."""
    if recognised(connection, credentials, keyring):
        return
    if credentials is None:
        raise Unauthorized("Send one of the service's keys as `Authorization: Bearer <key>`.")
    given = sent(credentials)
    # Compare with all keys, even after a match: the time must not tell which one it was.
    if not any([hmac.compare_digest(given, key) for key in keyring.api_keys]):  # noqa: C419
        raise Unauthorized("The key is not valid.")
    # A part of its hash tells keys apart, and may lie in a database.
    connection.state.principal = f"key-{hashlib.sha256(given).hexdigest()[:32]}"


def recognise_admin(keyring: Keyring) -> Callable[[Request], Awaitable[None]]:
    """A dependency for routes that are open: it refuses nobody, and remembers that the request is the operator's."""

    async def check(request: Request) -> None:
        # Not as a dependency of its own, which would tell the OpenAPI document that these routes want a token.
        recognised(request, await admin_bearer(request), keyring)

    return check


def require_admin(keyring: Keyring) -> Check:
    """A dependency that raises Unauthorized unless the request has the operator's token."""

    async def check(request: Request, credentials: AdminCredentials) -> None:
        if credentials is None:
            raise Unauthorized("Send the admin token as `Authorization: Bearer <token>`.")
        request.state.fingerprint = fingerprint(credentials)
        if not recognised(request, credentials, keyring):
            raise Unauthorized("The admin token is not valid.")

    return check


def recognised(request: HTTPConnection, credentials: HTTPAuthorizationCredentials | None, keyring: Keyring) -> bool:
    """Whether the request has the operator's token; its principal is the operator then."""
    token = keyring.admin_token
    if credentials is None or token is None:
        return False
    if not hmac.compare_digest(sent(credentials), token):
        return False
    request.state.principal = ADMIN
    request.state.fingerprint = fingerprint(credentials)
    return True


def sent(credentials: HTTPAuthorizationCredentials) -> bytes:
    """The bytes as they were sent: headers are decoded as Latin-1 on the way in."""
    return credentials.credentials.encode("latin-1")


def fingerprint(credentials: HTTPAuthorizationCredentials) -> str:
    """Tells tokens apart in a log without revealing them."""
    return hashlib.sha256(sent(credentials)).hexdigest()[:FINGERPRINT_CHARACTERS]


def fingerprint_of(request: Request) -> str:
    """Of the token that opened an admin route."""
    return str(request.state.fingerprint)


def is_admin(request: Request) -> bool:
    return getattr(request.state, "principal", None) == ADMIN


def principal_of(request: HTTPConnection) -> str:
    """The principal, for jobs and quotas: the operator, the API key, or without keys the address."""
    if (known := getattr(request.state, "principal", None)) is not None:
        return str(known)
    return address_of(request)


def owner_of(request: HTTPConnection) -> str | None:
    """Whose results these are. One API key learns nothing about another's; without keys, all share them."""
    principal: str | None = getattr(request.state, "principal", None)
    return principal


def address_of(request: HTTPConnection) -> str:
    """Where the request came from, as a principal."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a Unix socket has none
        return "address-unknown"
    if isinstance(address, ipaddress.IPv6Address):
        # A socket for both kinds, or a proxy that has one, tells an address of IPv4 as ::ffff:192.0.2.1.
        if address.ipv4_mapped is not None:
            return f"address-{address.ipv4_mapped}"
        return f"address-{ipaddress.ip_network((address, IPV6_NETWORK), strict=False)}"
    return f"address-{address}"
