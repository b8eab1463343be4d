"""Pictures larger than an answer's, composed strip by strip from the photo and the paintings of its regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from app.engine.region import Manner
from app.imaging.compose import compose, lay_part, recolouring, shows_photo
from app.imaging.picture import Picture, Pixels
from app.imaging.region import Enlargement

# Rows of the result that are enlarged and composed at a time.
STRIP_ROWS = 256

# Row and column where it begins, and its height and width.
Place = tuple[int, int, int, int]


@dataclass(frozen=True)
class Layer:
    """A painting and the photo, in strips at the size of the result.

    Attributes:
        painted: the network's output for `content`, at any size; the photo again where the strength is 0.
    """

    content: Picture
    painted: Pixels
    manner: Manner

    def assembled(self, size: tuple[int, int], mask: Pixels | None) -> Picture:
        """The result at width x height; `mask` is as in `LargeRendering`."""
        width, height = size
        rgb = np.empty((height, width, 3), np.uint8)
        composed = self._strips(size, masked=mask is not None)
        masks = None if mask is None else Enlargement(mask, *size)
        for place in places_of_strips(*size):
            rgb[rows_of(place)] = composed(place, masks.region(*place) if masks else None)
        return Picture(rgb, self._alpha(size))

    def lay_over(self, below: Pixels, within: Pixels) -> None:
        """Lay it over pixels (H, W, 3), in place; `within` is as `LargeRendering.shares` gives it."""
        size = below.shape[1], below.shape[0]
        composed, covers = self._strips(size), Enlargement(within, *size)
        for place in places_of_strips(*size):
            lay_part(below[rows_of(place)], partial(composed, place), covers.region(*place))

    def _strips(self, size: tuple[int, int], *, masked: bool = False) -> Callable[..., Pixels]:
        """From the place of a strip, and its mask, to its pixels."""
        manner, strength = self.manner, self.manner.strength
        recoloured = recolouring(self.content.rgb, self.painted, manner.color)
        enlarged, photos = Enlargement(self.painted, *size), Enlargement(self.content.rgb, *size)
        shown = shows_photo(manner.color, strength, masked=masked)

        def composed(place: Place, mask: Pixels | None = None) -> Pixels:
            part = np.ascontiguousarray(enlarged.region(*place))
            seen = np.ascontiguousarray(photos.region(*place)) if shown else part
            return compose(Picture(seen), recoloured(seen, part), "style", strength, mask).rgb

        return composed

    def _alpha(self, size: tuple[int, int]) -> Pixels | None:
        if self.content.alpha is None:
            return None
        alpha = np.empty((size[1], size[0]), np.uint8)
        covers = Enlargement(self.content.alpha, *size)
        for place in places_of_strips(*size):
            alpha[rows_of(place)] = covers.region(*place)
        return alpha


def places_of_strips(width: int, height: int) -> list[Place]:
    return [(top, 0, min(STRIP_ROWS, height - top), width) for top in range(0, height, STRIP_ROWS)]


def rows_of(place: Place) -> slice:
    return slice(place[0], place[0] + place[2])
