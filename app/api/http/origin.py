"""Where a WebSocket may be opened from: CORS does not hold for it, so the server looks at `Origin` itself."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from app.errors import Forbidden

DEFAULT_PORTS = {"http": 80, "https": 443}


def check_origin(connection: HTTPConnection, allowed: Collection[str]) -> None:
    """A page of another origin would otherwise use its visitor's network, or a key that a proxy adds.

    Clients that are no browsers send no `Origin`, and may.

    Args:
        allowed: origins beside the service's own; `*` stands for all.

    Raises:
        Forbidden: it is not one of them.
    """
    origin = connection.headers.get("origin")
    if origin is None or origin in allowed or "*" in allowed:
        return
    if not is_same(origin, connection.headers.get("host", "")):
        raise Forbidden("Pages of this origin may not open a live session; PASTICHE_CORS_ORIGINS names those that may.")


def is_same(origin: str, host: str) -> bool:
    """Whether a page of `origin` was loaded from `host`. The scheme may differ: a proxy may end TLS."""
    try:
        page = urlsplit(origin)
        default = DEFAULT_PORTS[page.scheme]
        service = urlsplit(f"//{host}")
        return page.hostname is not None and (page.hostname, page.port or default) == (
            service.hostname,
            service.port or default,
        )
    except (KeyError, ValueError):  # `null`, another scheme, or no valid port
        return False
