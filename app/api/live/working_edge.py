"""The size at which a live session's frames are painted: as large as asked for, or smaller, to hold the rate."""

from __future__ import annotations

import math

# Pixels. Sizes between the steps would show no difference, and each new size costs the engine some milliseconds.
STEP = 32
# Smaller pictures would hardly show a style. What is asked for below it is not made smaller.
MIN_EDGE = 192
# Of the time between two frames; the rest is for what was not measured, which is reading the next one.
BUSY = 0.95
# The next larger size must be predicted to take less than this of that time, or sizes would swing.
ROOM = 0.7
# What an older frame counts for in the mean.
MEMORY = 0.7
# Frames at one size before it is judged. The first one is passed over: it may have been the first of its size anywhere.
FRAMES_TO_SHRINK = 3
FRAMES_TO_GROW = 8


class WorkingEdge:
    """Longer edges in pixels, from how long the last frames took.

    Args:
        rate: frames a second to hold; 0 paints each frame as large as asked for.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._limit: int | None = None
        self._seconds = 0.0
        self._frames = 0

    def of(self, asked: int) -> int:
        """The edge for the next frame, where `asked` is what the client wants."""
        return asked if self._limit is None else min(asked, max(self._limit, MIN_EDGE))

    def note(self, asked: int, edge: int, seconds: float) -> None:
        """A frame that was asked for at `asked` took so long at `edge`."""
        if self.rate == 0 or edge != self.of(asked):
            return
        self._frames += 1
        if self._frames == 1:
            return
        self._seconds = seconds if self._frames == 2 else MEMORY * self._seconds + (1 - MEMORY) * seconds
        budget = BUSY / self.rate
        if self._seconds > budget and edge > MIN_EDGE and self._frames > FRAMES_TO_SHRINK:
            fitting = edge * math.sqrt(budget / self._seconds)
            self._begin(max(MIN_EDGE, min(math.floor(fitting / STEP), math.ceil(edge / STEP) - 1) * STEP))
        elif edge < asked and self._frames > FRAMES_TO_GROW:
            larger = (edge // STEP + 1) * STEP
            if self._seconds * (larger / edge) ** 2 < ROOM / self.rate:
                self._begin(larger)

    def _begin(self, limit: int) -> None:
        self._limit = limit
        self._frames = 0
