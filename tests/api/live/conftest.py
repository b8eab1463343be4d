from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest
from live_painter import Brush, Painter
from picture_bytes import encoded

from app.api.live.seats import Seats

OpenPainter = Callable[..., Painter]


@pytest.fixture(autouse=True)
def any_speed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, sessions are admitted. tests/api/live/test_seats.py has how they are refused."""
    if request.path.name != "test_seats.py":
        monkeypatch.setattr(Seats, "_speed_suffices", lambda self, seats: True)


@pytest.fixture
def paint_live() -> Iterator[OpenPainter]:
    """paint_live(client): a session that has been greeted."""
    with ExitStack() as stack:

        def start(client: httpx.Client, key: str | None = None, **options: Any) -> Painter:
            painter = stack.enter_context(Painter(str(client.base_url), key, **options))
            assert "ready" in painter.said()
            return painter

        yield start


@pytest.fixture
def brush(monkeypatch: pytest.MonkeyPatch, client: httpx.Client) -> Iterator[Brush]:
    """After the warm-up of the shared application, which paints too."""
    brush = Brush(monkeypatch)
    yield brush
    brush.gate.set()


@pytest.fixture(scope="session")
def frames() -> list[bytes]:
    """JPEGs of 64 x 48 pixels, each of its own."""
    y, x = np.mgrid[0:48, 0:64]
    return [
        encoded(np.stack([3 * x + 9 * n, 5 * y, (x * y + 31 * n) % 256], axis=2).astype(np.uint8), "jpeg")
        for n in range(8)
    ]
