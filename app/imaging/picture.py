"""The decoded image, as modules pass it to each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # sRGB, (H, W, 3)

# Pixels along an edge that are enough for the mean and covariance of a picture's colours.
SAMPLED_EDGE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright sRGB picture.

    `rgb` is (H, W, 3) and C-contiguous; `alpha` is (H, W), not premultiplied, or None where every pixel is
    opaque.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.rgb.dtype != np.uint8 or self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.size == 0:
            raise ValueError(f"rgb must be uint8 (H, W, 3), not {self.rgb.dtype} {self.rgb.shape}")
        if not self.rgb.flags.c_contiguous:
            raise ValueError("rgb must be C-contiguous")
        if self.alpha is not None and (self.alpha.dtype != np.uint8 or self.alpha.shape != self.rgb.shape[:2]):
            raise ValueError(f"alpha must be uint8 {self.rgb.shape[:2]}, not {self.alpha.dtype} {self.alpha.shape}")

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


def sample(pixels: Pixels) -> Pixels:
    """Every k-th row and column of pixels (H, W, 3), at most 256 of each: a view."""
    step = -(-max(pixels.shape[:2]) // SAMPLED_EDGE)
    return pixels[::step, ::step]
