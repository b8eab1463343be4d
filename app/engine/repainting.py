"""Painting over what has been painted: bolder, and larger without becoming soft."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.imaging.picture import Pixels

# Shares are rounded to these parts, whose products with 8-bit values fit into 16 bits.
PARTS = 256


@dataclass(frozen=True)
class Repainting:
    """What follows the first painting.

    Attributes:
        boldness: share, 0..1, of a second painting over the first, at the same size; with 0 there is none.
        size: width and height to which the painting is then enlarged and painted over; the result is the mean of both,
            which has the strokes of the first and the sharpness of the second. None: it keeps its size.
    """

    boldness: float = 0.0
    size: tuple[int, int] | None = None

    def megapixels(self, width: int, height: int) -> float:
        """What the network paints in all, beginning with width x height."""
        enlarged = self.size[0] * self.size[1] if self.size else 0
        return ((1 + (self.boldness > 0)) * width * height + enlarged) / 1e6


# Nothing follows.
ONCE = Repainting()


def mixed(a: Pixels, b: Pixels, share: float) -> Pixels:
    """(1 - share) a + share b, rounded to the nearest: in sRGB, since in linear light bright strokes would grow."""
    part = round(PARTS * share)
    total = a.astype(np.uint16)
    total *= PARTS - part
    total += b * np.uint16(part)
    total += PARTS // 2
    total //= PARTS
    return total.astype(np.uint8)
