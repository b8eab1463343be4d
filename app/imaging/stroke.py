"""Larger and smaller strokes: the network works at another size, and its output is scaled back to the image's.

A generator's strokes have a size in pixels. At half the resolution they are twice as large in the result.
"""

from __future__ import annotations

from app.imaging.picture import Picture, Pixels
from app.imaging.resize import fitted, resize

LEAST = 0.5
MOST = 2.0


def largest_edge(stroke: float, edge_pixels: int) -> int:
    """The longest edge a result may have, so that neither it nor the network's input exceeds `edge_pixels`."""
    return max(1, int(edge_pixels * min(stroke, 1.0)))


def painted_size(width: int, height: int, stroke: float) -> tuple[int, int]:
    """Width and height at which the network processes an image of width x height; the same for a stroke of 1."""
    return fitted(width, height, max(1, round(max(width, height) / stroke)))


def at_size(pixels: Pixels, width: int, height: int) -> Pixels:
    """`pixels` (H, W, 3) at width x height; themselves, not a copy, where they have that size."""
    return pixels if pixels.shape[:2] == (height, width) else resize(Picture(pixels), width, height).rgb
