"""A picture made smaller while its rows arrive: it never stands in memory as a whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.imaging.resize import PREMULTIPLIED, REDUCING_GAP, resample

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# Of rows at a time, as they are stored.
STRIP_BYTES = 1 << 20


class Shrinker:
    """Takes rows from top to bottom and gives the picture at `size`, to a rounding what `resample` makes of it.

    Pillow averages boxes of whole pixels, then filters rows, then columns. The first two need a strip only; what waits
    for the last step is as wide as the result.

    Args:
        width, height: of the whole picture.
        channels: 1 to 4, of the rows.
        size: width and height that are wanted, neither more than the whole's.
    """

    def __init__(self, width: int, height: int, channels: int, size: tuple[int, int]) -> None:
        self._mode = MODES[channels]
        self._size = size
        self._height = height
        self._factors = reduced_by(width, size[0]), reduced_by(height, size[1])
        self._width = width / self._factors[0]
        waiting = PREMULTIPLIED.get(self._mode, self._mode) if size != (width, height) else self._mode
        self._image = Image.new(waiting, (size[0], -(-height // self._factors[1])))
        self._at = 0

    def strip_rows(self, row_bytes: int) -> int:
        """How many rows to add at a time, if each has `row_bytes` where it comes from."""
        step = self._factors[1]
        return max(1, STRIP_BYTES // (row_bytes * step)) * step

    def add(self, rows: NDArray[np.uint8]) -> None:
        """The next (n, W) or (n, W, channels); n is a multiple of what `strip_rows` steps by, but for the last ones."""
        strip = Image.fromarray(rows)
        if strip.mode != self._image.mode:
            strip = strip.convert(self._image.mode)
        if self._factors != (1, 1):
            strip = strip.reduce(self._factors)
        if (strip.width, self._width) != (self._size[0], self._size[0]):
            box = (0, 0, self._width, strip.height)
            strip = strip.resize((self._size[0], strip.height), Image.Resampling.LANCZOS, box)
        self._image.paste(strip, (0, self._at))
        self._at += strip.height

    def picture(self) -> Image.Image:
        """After the last row."""
        image, rows = self._image, self._height / self._factors[1]
        if (image.height, rows) != (self._size[1], self._size[1]):
            image = image.resize(self._size, Image.Resampling.LANCZOS, (0, 0, image.width, rows))
        return image if image.mode == self._mode else image.convert(self._mode)


def reduced_by(pixels: int, wanted: int) -> int:
    """The whole number by which an edge is averaged before it is filtered."""
    return max(1, int(pixels / wanted / REDUCING_GAP))


def shrink(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """(H, W, 3 or 4) pixels at `size`, without a copy of all of them; larger where that is asked for."""
    height, width, channels = pixels.shape
    if size[0] > width or size[1] > height:
        return resample(Image.fromarray(pixels), size)
    shrinker = Shrinker(width, height, channels, size)
    rows = shrinker.strip_rows(width * channels)
    for top in range(0, height, rows):
        shrinker.add(pixels[top : top + rows])
    return shrinker.picture()


def shrinking_bytes(width: int, height: int, size: tuple[int, int], row_bytes: int) -> int:
    """Memory that a Shrinker and its strips take, Pillow's four bytes a pixel for all modes."""
    fewer = reduced_by(height, size[1])
    strip = row_bytes * max(1, STRIP_BYTES // (row_bytes * fewer)) * fewer
    pixels = width * (strip // row_bytes)
    return 4 * strip + 12 * pixels + 4 * size[0] * (-(-height // fewer) + 2 * size[1])
