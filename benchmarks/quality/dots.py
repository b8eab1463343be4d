"""Dots: small places that stand out of their surroundings like nothing else in the picture."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

from benchmarks.quality.blank_pictures import Array

SIGMAS = (1.2, 2.4)  # of the inner Gaussian, in pixels: dots of about 3 and 7 pixels
RATIO = 1.6  # of the outer to the inner Gaussian; their difference is near the Laplacian (Marr & Hildreth 1980)
OUTLIER = 7.0  # robust standard deviations: one pixel in 10^11 of normal noise
VISIBLE = 4.0  # 8-bit steps
BORDER = 8


def dots(luma: Array) -> float:
    """Isolated extrema of luminance (H, W) in 8-bit steps, per megapixel; of the sigma that finds more."""
    inside = (slice(BORDER, -BORDER),) * 2
    counts = []
    for sigma in SIGMAS:
        response = np.abs(gaussian_filter(luma, sigma) - gaussian_filter(luma, RATIO * sigma))
        # The median of a half-normal distribution is 0.6745 of its standard deviation.
        level = max(OUTLIER * float(np.median(response)) / 0.6745, VISIBLE)
        peaks = (response == maximum_filter(response, 2 * round(2 * sigma) + 1)) & (response > level)
        counts.append(peaks[inside].sum())
    return float(max(counts)) / luma.size * 1e6
