"""Reducing an image as its rows arrive, without ever holding all of it in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.imaging.resize import PREMULTIPLIED, REDUCING_GAP, resample

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# Bytes of stored rows at a time.
STRIP_BYTES = 1 << 20


class Shrinker:
    """Takes rows from top to bottom and returns the image at `size`, equal to `resample` up to rounding.

    Pillow averages boxes of whole pixels, then filters rows, then columns. The first two steps need one strip only;
    what is kept for the last step is as wide as the result.

    Args:
        width, height: size of the whole image.
        channels: of the rows, 1 to 4.
        size: width and height of the result, neither larger than the image's.
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
        """How many rows to add at a time, if each has `row_bytes` in its source."""
        step = self._factors[1]
        return max(1, STRIP_BYTES // (row_bytes * step)) * step

    def add(self, rows: NDArray[np.uint8]) -> None:
        """Add the next rows (n, W) or (n, W, channels); n is `strip_rows`, except at the end."""
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
        """The result, after the last row."""
        image, rows = self._image, self._height / self._factors[1]
        if (image.height, rows) != (self._size[1], self._size[1]):
            image = image.resize(self._size, Image.Resampling.LANCZOS, (0, 0, image.width, rows))
        return image if image.mode == self._mode else image.convert(self._mode)


def reduced_by(pixels: int, wanted: int) -> int:
    """The integer factor by which an edge is averaged before it is filtered."""
    return max(1, int(pixels / wanted / REDUCING_GAP))


def shrink(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """(H, W, 3 or 4) pixels at `size`, which may also be larger, without copying them all."""
    height, width, channels = pixels.shape
    if size[0] > width or size[1] > height:
        return resample(Image.fromarray(pixels), size)
    shrinker = Shrinker(width, height, channels, size)
    rows = shrinker.strip_rows(width * channels)
    for top in range(0, height, rows):
        shrinker.add(pixels[top : top + rows])
    return shrinker.picture()


def shrinking_bytes(width: int, height: int, size: tuple[int, int], row_bytes: int) -> int:
    """Memory of a Shrinker and its strips, at Pillow's four bytes per pixel in any mode."""
    fewer = reduced_by(height, size[1])
    strip = row_bytes * max(1, STRIP_BYTES // (row_bytes * fewer)) * fewer
    pixels = width * (strip // row_bytes)
    return 4 * strip + 12 * pixels + 4 * size[0] * (-(-height // fewer) + 2 * size[1])
