"""Larger and smaller strokes: the network works at another size, and its output is scaled back to the image's.

A generator's strokes have a size in pixels. At half the resolution they are twice as large in the result. So a large
photo painted at its own size looks like a filter, where the same photo at 512 px looks like a painting.
"""

from __future__ import annotations

from typing import Final, Literal

from app.imaging.picture import Picture, Pixels
from app.imaging.resize import fitted, resize

Stroke = float | Literal["auto"]

# Relative to the picture: a result of any size has the strokes of one of `AUTO_EDGE` pixels.
AUTO: Final = "auto"
MIN_STROKE = 0.5
# With this, the largest result by default (4096 pixels) has strokes twice as large as `AUTO` gives it.
MAX_STROKE = 16.0

# Longer edge in pixels at which the models are trained, judged and shown.
AUTO_EDGE = 512
# A larger result is painted twice. The first painting, enlarged to at most this many times its size, is painted over
# again: its strokes stay where they are, and their edges get the sharpness that an enlargement lacks.
REPAINTED = 2
# A result that is larger by less than this is only enlarged.
WORTH_REPAINTING = 1.25
# A panorama 512 pixels long would have no room for strokes: its shorter edge is painted with these, where it has them.
AUTO_SHORTER_EDGE = 256


def largest_edge(stroke: Stroke, edge_pixels: int, network_pixels: int) -> int:
    """The longest edge a result may have.

    Args:
        edge_pixels: limit of results.
        network_pixels: limit of what the network sees, which an `AUTO` stroke makes small enough by itself.
    """
    if stroke == AUTO:
        return edge_pixels
    return max(1, min(edge_pixels, int(min(network_pixels, edge_pixels) * stroke)))


def painted_size(width: int, height: int, stroke: Stroke, network_pixels: int) -> tuple[int, int]:
    """Width and height at which the network processes an image of width x height; the same for a stroke of 1.

    Args:
        network_pixels: longest edge that `AUTO` may choose; it never chooses one above the image's.
    """
    longer, shorter = max(width, height), min(width, height)
    if stroke == AUTO:
        roomy = AUTO_SHORTER_EDGE * longer // shorter
        return fitted(width, height, min(max(AUTO_EDGE, roomy), longer, network_pixels))
    return fitted(width, height, max(1, round(longer / stroke)))


def repainted_size(width: int, height: int, stroke: Stroke, network_pixels: int) -> tuple[int, int] | None:
    """Width and height at which the network's first output is painted over; None: it is not.

    A number as the stroke says at which size the network works, and that is all it does then.

    Args:
        width, height: of the result.
    """
    if stroke != AUTO:
        return None
    first = max(painted_size(width, height, stroke, network_pixels))
    edge = min(max(width, height), REPAINTED * first, network_pixels)
    return fitted(width, height, edge) if edge >= WORTH_REPAINTING * first else None


def read_stroke(text: str) -> Stroke:
    """`auto`, or a number from `MIN_STROKE` to `MAX_STROKE`. Raises ValueError."""
    if text == AUTO:
        return AUTO
    try:
        stroke = float(text)
    except ValueError:
        stroke = float("nan")
    if not MIN_STROKE <= stroke <= MAX_STROKE:
        raise ValueError(f"must be {AUTO}, or a number from {MIN_STROKE:g} to {MAX_STROKE:g}")
    return stroke


def at_size(pixels: Pixels, width: int, height: int) -> Pixels:
    """`pixels` (H, W, 3) at width x height; themselves, not a copy, where they have that size."""
    return pixels if pixels.shape[:2] == (height, width) else resize(Picture(pixels), width, height).rgb
