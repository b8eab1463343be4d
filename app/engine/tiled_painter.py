"""Pictures too large for one pass of the network, painted in tiles that fit together without seams.

Of what the network does only its norms look at the whole picture. They are measured first, over parts of it together,
and fixed; what is left sees `Trunk.reach` pixels far. A tile that sees that much around what is kept of it, at its own
place in the noise, is painted as in the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
import torch
from torch import Tensor

from app.engine.device import Device
from app.engine.memory import release_memory
from app.engine.openvino_graph import NonFiniteError, tried_graph
from app.engine.recovery import explaining
from app.engine.tiling import Span, mirrored_places, samples, spans
from app.imaging.picture import Pixels
from app.imaging.region import Source
from app.nets.fixed_norm import folded, measured
from app.nets.generators import Trunk, mirrored

# Longest edge in pixels of what the network sees at once: 0.3 GB in float32, and larger tiles are no faster.
TILE_EDGE = 1024
# Of the 116 pixels that `compact` reaches, what lies beyond 96 was never seen to change a value, and beyond 64 one by
# 1/255: the outermost places weigh next to nothing.
OVERLAP = 96
# Up to this size the statistics are those of the whole picture, beyond it those of squares spread over it.
MEASURED_MEGAPIXELS = 1.1
SAMPLES, SAMPLE_EDGE = 16, 224

# From what the network sees and its output for that, (H, W, 3) both, what is kept.
Finish = Callable[[Pixels, Pixels], Pixels]
# Is told the share that is done, 0..1.
Report = Callable[[float], None]


def painting_alone(_seen: Pixels, painted: Pixels) -> Pixels:
    return painted


class TiledPainter:
    """One generator with one row.

    Args:
        generator: on `device`; it is not changed.
        gamma, beta: (1, features) on the CPU.
    """

    def __init__(self, generator: Trunk, device: Device, gamma: Tensor, beta: Tensor) -> None:
        self._generator = generator
        self._device = device
        self._rows = gamma, beta

    def paint(
        self, source: Source, progress: Report, finish: Finish = painting_alone, overlap: int = OVERLAP
    ) -> Pixels:
        """Paint (H, W, 3) of the source's size. Raises PasticheError; whatever `progress` raises ends it.

        Args:
            finish: may look around a place by some pixels, which are few beside the overlap.
            overlap: pixels around what is kept of a tile, or the network's reach where that is less.
        """
        canvas = Canvas(source, self._generator, overlap)
        with explaining():
            paint_part = self._fixed(canvas)
        painting = np.empty((source.height, source.width, 3), np.uint8)
        tiles = canvas.tiles()
        for done, (rows, columns) in enumerate(tiles, start=1):
            seen = canvas.part(rows.start, rows.stop, columns.start, columns.stop)
            with explaining():
                painted = paint_part(seen, (rows.start, columns.start))
            canvas.keep(painting, finish(seen, painted), rows, columns)
            progress(done / len(tiles))
        del paint_part
        release_memory()  # a quarter of a gigabyte, which what follows wants
        return painting

    @torch.inference_mode()
    def _fixed(self, canvas: Canvas) -> Callable[[Pixels, tuple[int, int]], Pixels]:
        """The network with this picture's statistics: from a part and its place in the canvas to its painting."""
        there = self._device.torch_device
        rows = [row.to(there) for row in self._rows]
        moments = measured(self._generator, as_batch(canvas.sample()).to(there), *rows)
        if not all(value.isfinite().all() for value in (*rows, moments.mean, moments.variance)):
            raise NonFiniteError("The network's statistics are not finite.")
        network = folded(self._generator, moments, *rows)
        graph = tried_graph(network, self._device, *self._rows) if self._device.compiles else None
        if graph:
            return lambda part, at: graph.paint_part(part, *self._rows, at)

        @torch.inference_mode()
        def painted(part: Pixels, at: tuple[int, int]) -> Pixels:
            x = as_batch([part]).to(there)
            values = network.paint(x, network.split(*rows), at)[0]
            if not math.isfinite(float(values.sum())):
                raise NonFiniteError("The network's output is not finite.")
            bytes_ = (values * 255).round_().clamp_(0, 255).byte()
            return np.ascontiguousarray(bytes_.permute(1, 2, 0).cpu().numpy())

        return painted


class Canvas:
    """A picture with the mirrored border that the network wants, from which parts are taken as they are needed."""

    def __init__(self, source: Source, generator: Trunk, overlap: int) -> None:
        self._source = source
        self._multiple, self._smallest, self._margin = generator.multiple, generator.smallest, generator.margin
        self._overlap = min(generator.reach, overlap)
        self.height, self.width = (self._padded(edge) for edge in (source.height, source.width))

    def _padded(self, edge: int) -> int:
        edge = max(edge, self._smallest)
        return edge + sum(mirrored(edge, self._multiple, self._margin))

    def tiles(self) -> list[tuple[Span, Span]]:
        """Rows and columns of each."""
        rows, columns = (spans(edge, TILE_EDGE, self._overlap, self._multiple) for edge in (self.height, self.width))
        return list(product(rows, columns))

    def part(self, top: int, bottom: int, left: int, right: int) -> Pixels:
        """Pixels of the canvas."""
        rows = mirrored_places(top, bottom, self._source.height, self._smallest, self._margin)
        columns = mirrored_places(left, right, self._source.width, self._smallest, self._margin)
        first, second = int(rows.min()), int(columns.min())
        found = self._source.region(first, second, int(rows.max()) - first + 1, int(columns.max()) - second + 1)
        return np.ascontiguousarray(found[np.ix_(rows - first, columns - second)])

    def keep(self, painting: Pixels, painted: Pixels, rows: Span, columns: Span) -> None:
        """Write into `painting`, which has no border, what is kept of a tile."""
        places = []
        for span, edge in ((rows, painting.shape[0]), (columns, painting.shape[1])):
            first, last = max(0, span.first - self._margin), min(edge, span.last - self._margin)
            begins = first + self._margin - span.start
            places.append((slice(first, last), slice(begins, begins + max(0, last - first))))
        (into_rows, from_rows), (into_columns, from_columns) = places
        painting[into_rows, into_columns] = painted[from_rows, from_columns]

    def sample(self) -> list[Pixels]:
        """Parts of equal size with the statistics of the whole, or the whole."""
        if self.height * self.width <= MEASURED_MEGAPIXELS * 1e6:
            return [self.part(0, self.height, 0, self.width)]
        height, width = (min(edge, SAMPLE_EDGE) for edge in (self.height, self.width))
        places = samples(self.height, self.width, SAMPLES, SAMPLE_EDGE, self._multiple)
        return [self.part(top, top + height, left, left + width) for top, left in places]


def as_batch(pictures: list[Pixels]) -> Tensor:
    """(H, W, 3) each -> (B, 3, H, W) in 0..1, channels last."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
