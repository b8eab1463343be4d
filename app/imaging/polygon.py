"""Areas of a picture that are drawn as polygons, with soft edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from app.imaging.picture import Pixels

Point = tuple[float, float]

# Pixels of the longer edge at which a polygon is drawn at least, and then averaged: Pillow draws hard edges.
DRAWN_EDGE = 2048
# A Gaussian has passed from 2 to 98 % within four of its deviations.
DEVIATIONS = 4.0


@dataclass(frozen=True)
class Polygon:
    """A closed line; where it crosses itself, what it encloses twice is outside.

    Attributes:
        points: x and y, in fractions of the picture's width and height.
        feather: width of the soft edge, in fractions of the picture's longer edge; half of it is on either side.
    """

    points: tuple[Point, ...]
    feather: float

    def shares(self, width: int, height: int) -> Pixels:
        """(H, W), how much of each pixel is within it, of 255."""
        finer = max(1, DRAWN_EDGE // max(width, height))
        drawn = Image.new("L", (finer * width, finer * height))
        # Pillow counts the places of pixels, whose centres are half a pixel further.
        corners = [(round(x * drawn.width - 0.5), round(y * drawn.height - 0.5)) for x, y in self.points]
        ImageDraw.Draw(drawn).polygon(corners, fill=255)
        soft = drawn.reduce(finer).filter(ImageFilter.GaussianBlur(self.feather * max(width, height) / DEVIATIONS))
        return np.asarray(soft)
