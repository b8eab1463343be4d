"""A large JPEG written in strips: what the encoder holds at a time is one strip, and not a copy of the whole picture.

Every row of blocks ends in a restart marker (ITU-T T.81, E.1.4), after which nothing depends on what came before. So
strips that are encoded alone, with the same tables, become one picture by putting their rows one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from PIL import Image

from app.imaging.jpeg_markers import EOI, FRAMES, SOS

# Restart markers count from 0 to 7: with 8 rows of 16 x 16 pixels, and multiples of them, every strip begins at 0.
STRIP_ROWS = 512
LAST_RESTART = b"\xff\xd7"


def joined_strips(strips: Iterable[Image.Image], height: int, options: dict[str, Any]) -> bytes:
    """One JPEG of strips of equal width, each but the last `STRIP_ROWS` high.

    Args:
        options: of Pillow's encoder; the same tables must come of them for every strip.
    """
    file = bytearray()
    for strip in strips:
        coded = encoded(strip, options)
        if file:
            file += LAST_RESTART + coded[scan_of(coded) : -2]
        else:
            file += coded[:-2]
    change_height(file, height)
    return bytes(file + bytes((0xFF, EOI)))


def encoded(strip: Image.Image, options: dict[str, Any]) -> bytes:
    coded = BytesIO()
    strip.save(coded, "jpeg", restart_marker_rows=1, **options)
    return coded.getvalue()


def scan_of(data: bytes | bytearray) -> int:
    """Where the coded data begin."""
    return next(end for marker, _, end in headers(data) if marker == SOS)


def change_height(data: bytearray, height: int) -> None:
    start = next(start for marker, start, _ in headers(data) if marker in FRAMES)
    data[start + 5 : start + 7] = height.to_bytes(2, "big")


def headers(data: bytes | bytearray) -> Iterable[tuple[int, int, int]]:
    """Marker, start and end of the segments before the coded data, as Pillow writes them."""
    start = 2
    while True:
        end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        yield data[start + 1], start, end
        start = end
