"""Pictures that are larger than what should be in memory, region by region."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from PIL import Image

from app.imaging.picture import Pixels

# Pixels on both sides that an enlarged one is made of, and one more for the rounding of the place.
LANCZOS_REACH = 4


class Source(Protocol):
    """A picture of `height` x `width` pixels, of which any part can be had."""

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    def region(self, top: int, left: int, height: int, width: int) -> Pixels:
        """The pixels (height, width, 3) from that row and column on; all of them lie within the picture."""


class Enlargement:
    """A small picture at a larger size (Lanczos, as `resize`): a region is enlarged when it is asked for.

    Args:
        pixels: (H, W, 3), or (H, W) of one channel.
        width, height: of the larger picture.
    """

    def __init__(self, pixels: Pixels, width: int, height: int) -> None:
        self._pixels = pixels
        self.width = width
        self.height = height

    def region(self, top: int, left: int, height: int, width: int) -> Pixels:
        """As in `Source`."""
        if self._pixels.shape[:2] == (self.height, self.width):
            return self._pixels[top : top + height, left : left + width]
        rows, down = needed(top, height, self._pixels.shape[0], self.height)
        columns, across = needed(left, width, self._pixels.shape[1], self.width)
        image = Image.fromarray(np.ascontiguousarray(self._pixels[rows, columns]))
        # One after the other: left to itself, Pillow chooses their order by the region's size, and what is clipped
        # between them differs.
        wide = image.resize((width, image.height), Image.Resampling.LANCZOS, (across[0], 0, across[1], image.height))
        return np.asarray(wide.resize((width, height), Image.Resampling.LANCZOS, (0, down[0], width, down[1])))


def needed(start: int, count: int, edge: int, larger: int) -> tuple[slice, tuple[float, float]]:
    """Along an edge: the pixels that `count` enlarged ones are made of, and which part of these they show."""
    scale = edge / larger
    first, last = start * scale, min((start + count) * scale, edge)
    begins, ends = max(0, int(first) - LANCZOS_REACH), min(edge, math.ceil(last) + LANCZOS_REACH)
    return slice(begins, ends), (first - begins, min(last - begins, ends - begins))
