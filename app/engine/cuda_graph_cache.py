"""Which recorded runs of a network are kept for a GPU, and when another is worth making: bookkeeping, without torch.

A run is recorded for one shape of input. Height and width are the picture's own: instance norm takes its statistics of
the whole picture, so padding it to a common size would change the result. Samples of a batch do not
affect each other, so a batch may be padded to a size that has a recording.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

# Pictures in a recorded batch; the smallest that fits is at most half as large again as what it has to paint.
BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
# Recordings, and megapixels of all of them, that are kept. Each has buffers of its own on both sides, 12 bytes a pixel,
# and all of a model share the memory in between, which the largest decides.
MAX_CAPTURES = 64
MAX_MEGAPIXELS = 128.0
# A shape that comes for the first time may never come again.
WORTH_FROM = 3
# A shape that could not be recorded, perhaps for lack of memory, is tried again after so many requests.
WORTH_AGAIN = 1000
# Shapes whose requests are counted.
COUNTED_SHAPES = 1024

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Shape:
    """Shape of a recorded run: number of pictures, and the height and width of each."""

    batch: int
    height: int
    width: int

    @property
    def megapixels(self) -> float:
        return self.batch * self.height * self.width / 1e6


Recording = TypeVar("Recording")


def batch_for(pictures: int) -> int:
    """The smallest recorded batch into which that many pictures fit; their number if it exceeds the largest."""
    return next((batch for batch in BATCHES if batch >= pictures), pictures)


class CudaGraphCache(Generic[Recording]):
    """Recorded runs by shape, made in the background, the least recently used forgotten first. Thread-safe.

    Args:
        make: records a run of a shape; may raise any exception.
        background: the executor that calls `make`, one call at a time.
        most, most_megapixels: limits on what is kept.
    """

    def __init__(
        self,
        make: Callable[[Shape], Recording],
        background: Executor,
        *,
        most: int = MAX_CAPTURES,
        most_megapixels: float = MAX_MEGAPIXELS,
    ) -> None:
        self._make = make
        self._background = background
        self._most = most
        self._most_megapixels = most_megapixels
        self._lock = threading.Lock()  # guards all below
        self._kept: OrderedDict[Shape, Recording] = OrderedDict()
        self._seen: OrderedDict[Shape, int] = OrderedDict()
        self._making: set[Shape] = set()

    def find(self, pictures: int, height: int, width: int) -> Recording | None:
        """The recording for that many pictures of that size; None if there is none, and one may be made then."""
        shape = Shape(batch_for(pictures), height, width)
        with self._lock:
            if (kept := self._kept.get(shape)) is not None:
                self._kept.move_to_end(shape)
                return kept
            wanted = self._count(shape) >= WORTH_FROM and self._may_be_made(shape)
            if wanted:
                self._making.add(shape)
        if wanted:
            self._background.submit(self._make_and_keep, shape)
        return None

    def prepare(self, shapes: Sequence[Shape]) -> None:
        """Record the shapes that are missing and wait for them; called before the first request."""
        with self._lock:
            wanted = [shape for shape in shapes if self._may_be_made(shape)]
            self._making.update(wanted)
        wait([self._background.submit(self._make_and_keep, shape) for shape in wanted])

    def _count(self, shape: Shape) -> int:
        self._seen[shape] = self._seen.get(shape, 0) + 1
        self._seen.move_to_end(shape)
        if len(self._seen) > COUNTED_SHAPES:
            self._seen.popitem(last=False)
        return self._seen[shape]

    def _may_be_made(self, shape: Shape) -> bool:
        return shape not in self._kept and shape not in self._making and shape.megapixels <= self._most_megapixels

    def _make_and_keep(self, shape: Shape) -> None:
        made: Recording | None = None
        try:
            made = self._make(shape)
        except Exception as error:  # noqa: BLE001 - whatever a recording meets, the network still paints without one
            _log.warning("capture_failed", shape=str(shape), reason=repr(error))
        with self._lock:
            self._making.discard(shape)
            if made is None:
                self._seen[shape] = -WORTH_AGAIN
            else:
                self._kept[shape] = made
                self._forget()

    def _forget(self) -> None:
        """Remove recordings beyond the limits. Their memory is freed when nothing uses them any more."""
        while len(self._kept) > self._most or sum(shape.megapixels for shape in self._kept) > self._most_megapixels:
            shape, _ = self._kept.popitem(last=False)
            self._seen.pop(shape, None)
