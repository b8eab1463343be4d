"""Who may use the public routes: everybody, or with PASTICHE_API_KEYS those who have one of the keys."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from app.errors import Unauthorized

bearer = HTTPBearer(auto_error=False, description="One of the keys in PASTICHE_API_KEYS.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def require_key(keys: Sequence[SecretStr]) -> Callable[[Credentials], Awaitable[None]]:
    """A dependency that raises Unauthorized unless the request has one of `keys`."""
    known = [key.get_secret_value().encode() for key in keys]

    async def check(credentials: Credentials) -> None:
        if credentials is None:
            raise Unauthorized("Send one of the service's keys as `Authorization: Bearer <key>`.")
        # The bytes as they were sent: headers are decoded as Latin-1 on the way in.
        given = credentials.credentials.encode("latin-1")
        # All keys, also after a match: the time must not tell which one it was.
        if not any([hmac.compare_digest(given, key) for key in known]):  # noqa: C419
            raise Unauthorized("The key is not one of the service's.")

    return check
