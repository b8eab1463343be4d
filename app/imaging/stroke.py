"""Larger and smaller strokes: the network paints at another size, and its painting is brought back to the picture's.

A generator's strokes have a size in pixels. Painted at half the resolution they are twice as large in the picture.
"""

from __future__ import annotations

from app.imaging.picture import Picture, Pixels
from app.imaging.resize import fitted, resize

LEAST = 0.5
MOST = 2.0


def largest_edge(stroke: float, edge_pixels: int) -> int:
    """The longest edge a painting may have, so that neither it nor what the network sees is past `edge_pixels`."""
    return max(1, int(edge_pixels * min(stroke, 1.0)))


def painted_size(width: int, height: int, stroke: float) -> tuple[int, int]:
    """Width and height at which the network paints a picture of width x height; the same for a stroke of 1."""
    return fitted(width, height, max(1, round(max(width, height) / stroke)))


def at_size(pixels: Pixels, width: int, height: int) -> Pixels:
    """`pixels` (H, W, 3) at width x height; themselves, not a copy, where they have that size."""
    return pixels if pixels.shape[:2] == (height, width) else resize(Picture(pixels), width, height).rgb
