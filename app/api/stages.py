"""How long each step of a request took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from app import tracing

Stage = Literal["upload", "queue", "decode", "engine", "steady", "colour", "encode"]


class Stages:
    """Seconds by stage, in the order in which they began. One step writes at a time, from whichever thread.

    Each is a span, too, where the request that makes this has a trace.
    """

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}
        self._began = time.perf_counter()
        self._trace = tracing.here()

    def add(self, stage: Stage, seconds: float) -> None:
        """A stage that ends now."""
        self._count(stage, seconds)
        tracing.record(stage, seconds, self._trace)

    def _count(self, stage: Stage, seconds: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        began = time.perf_counter()
        try:
            with tracing.span(stage, self._trace):
                yield
        finally:
            self._count(stage, time.perf_counter() - began)

    def server_timing(self) -> str:
        """The value of `Server-Timing`: milliseconds by stage, and the total until now."""
        total = time.perf_counter() - self._began
        return ", ".join(f"{name};dur={s * 1000:.1f}" for name, s in [*self.seconds.items(), ("total", total)])
