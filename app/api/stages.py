"""How long each step of a request took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Stage = Literal["upload", "queue", "decode", "engine", "steady", "colour", "encode"]


class Stages:
    """Seconds by stage, in the order in which they began. One step writes at a time, from whichever thread."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}
        self._began = time.perf_counter()

    def add(self, stage: Stage, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - began)

    def server_timing(self) -> str:
        """The value of `Server-Timing`: milliseconds by stage, and the total until now."""
        total = time.perf_counter() - self._began
        return ", ".join(f"{name};dur={s * 1000:.1f}" for name, s in [*self.seconds.items(), ("total", total)])
