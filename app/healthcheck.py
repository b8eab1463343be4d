"""A container's health check: `python -m app.healthcheck` exits with 0 if this machine's server is ready.

It uses the address in the settings.
"""

from __future__ import annotations

import sys
from urllib.request import urlopen

from app.settings import Settings, load_settings

# Wildcard addresses, and the address at which the server can then be reached.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}
PATIENCE_SECONDS = 4


def address(settings: Settings) -> str:
    """URL of the readiness check of the server with these settings."""
    host = EVERYWHERE.get(settings.host, settings.host)
    return (
        f"http://[{host}]:{settings.port}/healthz/ready"
        if ":" in host
        else f"http://{host}:{settings.port}/healthz/ready"
    )


if __name__ == "__main__":
    try:
        urlopen(address(load_settings()), timeout=PATIENCE_SECONDS).close()
    except OSError as error:  # of which HTTPError is one
        sys.exit(f"not ready: {error}")
