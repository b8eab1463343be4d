from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from small_server import Running, running

from app.settings import Settings


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Start a server with these settings."""
    with ExitStack() as stack:

        def start(host: str = "127.0.0.1", **changes: Any) -> Running:
            return stack.enter_context(running(host, Settings(**changes)))

        yield start
