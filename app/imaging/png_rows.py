"""The rows of a PNG: inflated, unfiltered and converted to 8-bit colours, a strip at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.imaging.container import cut_off, damaged, decoder_errors
from app.imaging.strips import MODES, STRIP_BYTES, Shrinker

Bytes = NDArray[np.uint8]

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
# First column, first row, column step, row step of the seven passes.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
INFLATE_STEP = 1 << 16  # the rest of a step is copied each time
MAX_FILTER = 4


class Inflated:
    """The stream of all IDAT chunks, read in order."""

    def __init__(self, coded: Sequence[memoryview]) -> None:
        self._steps = (chunk[at : at + INFLATE_STEP] for chunk in coded for at in range(0, len(chunk), INFLATE_STEP))
        self._inflater = zlib.decompressobj()
        self._left: bytes | memoryview = b""

    def read(self, count: int) -> bytearray:
        """The next bytes. Raises PictureError if there are fewer."""
        found = bytearray()
        while len(found) < count:
            if not self._left:
                step = None if self._inflater.eof else next(self._steps, None)
                if step is None:
                    raise cut_off(f"{count - len(found)} bytes of rows are missing")
                self._left = step
            with decoder_errors():
                found += self._inflater.decompress(self._left, count - len(found))
            self._left = self._inflater.unconsumed_tail
        return found


@dataclass(frozen=True)
class Samples:
    """How a PNG's samples map to colours.

    Attributes:
        colour, depth: the fields of IHDR.
        channels: of the 8-bit pixels, 1 to 4, including alpha of a palette or a colour key.
        table: (256, 3 or 4) colours of a palette.
        key: samples of the transparent colour, as they are stored.
    """

    colour: int
    depth: int
    channels: int
    table: Bytes | None = None
    key: NDArray[np.uint16] | None = None

    @classmethod
    def of(cls, colour: int, depth: int, palette: bytes, transparency: bytes | None) -> Samples:
        """From the chunks of a file. A tRNS of a wrong length is ignored."""
        if colour == PALETTE:
            table = np.zeros((256, 3 if transparency is None else 4), np.uint8)
            table[: len(palette) // 3, :3] = np.frombuffer(palette, np.uint8).reshape(-1, 3)
            if transparency is not None:
                alphas = np.frombuffer(transparency[:256], np.uint8)
                table[:, 3] = 255
                table[: len(alphas), 3] = alphas
            return cls(colour, depth, table.shape[1], table)
        keyed = colour in (GREY, RGB) and transparency is not None and len(transparency) == 2 * CHANNELS[colour]
        key = np.frombuffer(transparency or b"", ">u2").astype(np.uint16) if keyed else None
        return cls(colour, depth, CHANNELS[colour] + keyed, None, key)

    @property
    def pixel_bits(self) -> int:
        return CHANNELS[self.colour] * self.depth

    def row_bytes(self, width: int) -> int:
        """Bytes of a row, including its filter byte."""
        return 1 + -(-width * self.pixel_bits // 8)

    def pixels(self, rows: Bytes, width: int) -> Bytes:
        """Pixels (n, W) or (n, W, channels) of unfiltered rows; 16-bit colours come as their high bytes."""
        n = len(rows)
        if self.colour == GREY and self.depth == 16:
            grey = np.ascontiguousarray(rows).view(">u2").astype(np.uint16)
            # (v + 128) // 257 without 32 bits: v / 257 rounded.
            return self._keyed(grey, ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8))
        if self.depth < 8:
            rows = unpacked(rows, width, self.depth)
        if self.table is not None:
            return self.table[rows.reshape(n, width)]
        if self.colour == GREY:
            return self._keyed(rows, rows * np.uint8(255 // (2**self.depth - 1)) if self.depth < 8 else rows)
        pixels = rows.reshape(n, width, CHANNELS[self.colour])
        return self._keyed(pixels, pixels)

    def _keyed(self, stored: NDArray[np.uint8] | NDArray[np.uint16], pixels: Bytes) -> Bytes:
        if self.key is None:
            return pixels
        if self.colour == GREY:
            return np.dstack([pixels, np.where(stored == self.key[0], 0, 255).astype(np.uint8)])
        key = self.key >> (8 if self.depth == 16 else 0)
        seen = (stored[:, :, 0] != key[0]) | (stored[:, :, 1] != key[1]) | (stored[:, :, 2] != key[2])
        return np.dstack([pixels, np.where(seen, 255, 0).astype(np.uint8)])


def unpacked(rows: Bytes, width: int, depth: int) -> Bytes:
    """(n, bytes) with samples of 1, 2 or 4 bits -> (n, width)."""
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    spread = rows[:, :, None] >> shifts & np.uint8(2**depth - 1)
    return spread.reshape(len(rows), -1)[:, :width]


def load_rows(inflated: Inflated, samples: Samples, width: int, height: int, shrinker: Shrinker) -> None:
    """Raises PictureError."""
    step = shrinker.strip_rows(samples.row_bytes(width))
    for strip in strips(inflated, samples, width, height, step):
        shrinker.add(strip)


def load_interlaced(inflated: Inflated, samples: Samples, width: int, height: int, shrinker: Shrinker) -> None:
    """Assemble the whole image, since the passes come one after the other. Raises PictureError."""
    shape = (height, width) if samples.channels == 1 else (height, width, samples.channels)
    whole = np.empty(shape, np.uint8)
    for x, y, dx, dy in ADAM7:
        columns, rows, top = -(-max(width - x, 0) // dx), -(-max(height - y, 0) // dy), 0
        if not columns:
            continue
        for strip in strips(inflated, samples, columns, rows, max(1, STRIP_BYTES // samples.row_bytes(columns))):
            whole[y + top * dy : y + (top + len(strip)) * dy : dy, x::dx] = strip
            top += len(strip)
    step = shrinker.strip_rows(width * samples.channels)
    for top in range(0, height, step):
        shrinker.add(whole[top : top + step])


def strips(inflated: Inflated, samples: Samples, width: int, height: int, step: int) -> Iterator[Bytes]:
    """Pixels, `step` rows at a time."""
    row_bytes = samples.row_bytes(width)
    above: Bytes | None = None
    for top in range(0, height, step):
        count = min(step, height - top)
        rows = np.frombuffer(inflated.read(count * row_bytes), np.uint8).reshape(count, row_bytes)
        filters, rows = rows[:, 0], rows[:, 1:]
        pixel_bytes = max(1, samples.pixel_bits // 8)
        if samples.depth == 16 and samples.colour != GREY:
            # Filters work on each byte of a pixel separately, and the low bytes are not needed.
            rows, pixel_bytes = rows[:, ::2], pixel_bytes // 2
        rows = unfiltered(filters, rows, above, pixel_bytes)
        above = rows[-1].copy()
        yield samples.pixels(rows, width)


def unfiltered(filters: Bytes, rows: Bytes, above: Bytes | None, pixel_bytes: int) -> Bytes:
    """(n, bytes) rows with (n,) filters, undone by Pillow in a small PNG with the row above on top.

    Args:
        above: the unfiltered row before the first; None for the first of the image.
        pixel_bytes: 1 to 4, the distance to the byte on the left.
    """
    if not filters.any():
        return np.ascontiguousarray(rows)
    if filters.max() > MAX_FILTER:
        raise damaged(f"filter {filters.max()}")
    block = np.zeros((len(rows) + 1, rows.shape[1] + 1), np.uint8)
    if above is not None:
        block[0, 1:] = above
    block[1:, 0] = filters
    block[1:, 1:] = rows
    size = (rows.shape[1] // pixel_bytes, len(block))
    mode = MODES[pixel_bytes]
    with decoder_errors():
        image = Image.frombytes(mode, size, zlib.compress(block.data, 0), "zip", mode, 0)
    return np.asarray(image).reshape(len(block), -1)[1:]
