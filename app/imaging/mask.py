"""Masks: images whose lightness says how much of each pixel is stylized. White is all, black is none."""

from __future__ import annotations

import numpy as np

from app.errors import InvalidOption
from app.imaging.colour import luma
from app.imaging.content import decode_at
from app.imaging.decode import Header
from app.imaging.picture import Pixels
from app.imaging.resize import fitted

# Pixels of the result by which a mask of the photo's shape may differ, since edges are whole numbers.
ROUNDING = 2


def check_shape(mask: Header, width: int, height: int, name: str = "mask") -> None:
    """Raise InvalidOption unless the mask has the shape of the result, width x height; its size does not matter.

    Args:
        name: what the client calls it.
    """
    found = fitted(mask.width, mask.height, max(width, height))
    if max(abs(found[0] - width), abs(found[1] - height)) > ROUNDING:
        raise InvalidOption(
            f"The {name} is {mask.width} x {mask.height} pixels, which is not the shape of the photo: {width} x"
            f" {height}."
        )


def read_mask(data: bytes, width: int, height: int, max_megapixels: float, max_bytes: int) -> Pixels:
    """(H, W) shares, 0 to 255: the mask's luma, and nothing where it is transparent. Raises as `decode`."""
    picture = decode_at(data, width, height, max_megapixels, max_bytes)
    shares = luma(picture.rgb)
    if picture.alpha is not None:
        shares *= picture.alpha.astype(np.float32) / 255
    return np.rint(shares).astype(np.uint8)
