"""What a container's health check runs: `python -m app.healthcheck` ends with 0 where this machine's server is ready.

It asks at the address that the settings name, whichever way they are given.
"""

from __future__ import annotations

import sys
from urllib.request import urlopen

from app.settings import Settings, load_settings

# What stands for all addresses, and where the server answers then.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}
PATIENCE_SECONDS = 4


def address(settings: Settings) -> str:
    """Of the readiness of the server with these settings."""
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
