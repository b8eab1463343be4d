"""Loss plots: drawn one at a time, and cached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cachetools import LRUCache

from app.api.backend import Backend
from app.api.jobs.loss_plot import draw_losses
from app.errors import Overloaded
from app.jobs.job import LossPoint

# Of 20 KB each.
KEPT = 64
# The first plot of a process loads the plotting library.
DRAW_SECONDS = 20
# Queued or being drawn: two seconds' worth.
MAX_WAITING = 16
RETRY_SECONDS = 2


class Plots:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._thread = Backend("plot", 1, DRAW_SECONDS, Overloaded)
        self._kept: LRUCache[tuple[str, str], bytes] = LRUCache(KEPT)
        self._drawing: dict[tuple[str, str], asyncio.Task[bytes]] = {}

    async def draw(self, title: str, etag: str, losses: Sequence[LossPoint]) -> bytes:
        """A PNG of the losses that have this tag. Raises Overloaded."""
        key = (title, etag)
        if (kept := self._kept.get(key)) is not None:
            return kept
        if key not in self._drawing:
            if len(self._drawing) >= MAX_WAITING:
                raise Overloaded("Too many loss plots are waiting to be drawn.", retry_after_seconds=RETRY_SECONDS)
            self._drawing[key] = asyncio.create_task(self._draw(key, losses))
        # Others may wait for the same plot, and this client may leave.
        return await asyncio.shield(self._drawing[key])

    async def _draw(self, key: tuple[str, str], losses: Sequence[LossPoint]) -> bytes:
        try:
            png = await self._thread.call(draw_losses, losses, key[0])
        finally:
            del self._drawing[key]
        self._kept[key] = png
        return png

    def stop(self) -> None:
        self._thread.stop()
