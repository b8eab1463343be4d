"""The photo's palette for the stylized image: the mean and covariance of its colours in Oklab become the photo's.

Oklab: https://bottosson.github.io/posts/oklab. Distances in it are those that people see; 0.02 can just be seen.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from app.imaging.colour import gamma_encoded, linear
from app.imaging.picture import Pixels, sample

Array = NDArray[np.float64]

# Linear sRGB to cone responses, and their cube roots to L, a and b.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
FROM_LAB, FROM_CONES = np.linalg.inv(TO_LAB), np.linalg.inv(TO_CONES)

# Added to the stylized image's variance: what cannot be seen in it is not enlarged into coloured grain.
UNSEEN = 0.01**2 * np.eye(3)
# Least standard deviation of lightness, as a share of the stylized image's: on a blank photo strokes stay visible.
MIN_CONTRAST = 0.5
# Points along each of R, G and B of the table, which is interpolated: off by 4/255 at most in 99.9 % of pixels.
GRID = 33


def match_colour(content: Pixels, painted: Pixels) -> Pixels:
    """The stylized image (h, w, 3) with the mean and covariance of the photo's (H, W, 3) colours.

    The map between the colours is affine in Oklab, the one that moves them least (optimal transport between normal
    distributions). What leaves the gamut is clipped.
    """
    return mapped(painted, palette_table(content, painted))


def mapped(painted: Pixels, table: ImageFilter.Color3DLUT) -> Pixels:
    return np.asarray(Image.fromarray(painted).filter(table))


def palette_table(content: Pixels, painted: Pixels) -> ImageFilter.Color3DLUT:
    """The map of `match_colour`, to be used on parts."""
    source, target = oklab(sample(painted)), oklab(sample(content))
    wanted: Array = np.cov(target, rowvar=False)
    given: Array = np.cov(source, rowvar=False)
    wanted[0, 0] = max(wanted[0, 0], MIN_CONTRAST**2 * given[0, 0])
    slope = transport(given + UNSEEN, wanted)
    return _table(source.mean(axis=0), slope, target.mean(axis=0))


def oklab(values: NDArray[Any]) -> Array:
    """(N, 3) lightness 0 to 1, a and b, of sRGB values 0 to 255 (..., 3)."""
    lab: Array = np.cbrt(linear(values.reshape(-1, 3) / 255) @ TO_CONES.T) @ TO_LAB.T
    return lab


def transport(given: Array, wanted: Array) -> Array:
    """The symmetric matrix T with T `given` T = `wanted`; both are covariances, `given` of full rank."""
    half = root(given)
    inverse = np.linalg.inv(half)
    slope: Array = inverse @ root(half @ wanted @ half) @ inverse
    return slope


def root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    rooted: Array = vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    return rooted


def _table(before: Array, slope: Array, after: Array) -> ImageFilter.Color3DLUT:
    """Of (lab - before) slope + after. Pillow's filter takes 5 ms for 512 x 512 pixels; the formula itself 60."""
    lab = (_grid() - before) @ slope + after
    light: Array = (lab @ FROM_LAB.T) ** 3 @ FROM_CONES.T
    return ImageFilter.Color3DLUT(GRID, gamma_encoded(np.clip(light, 0.0, 1.0).astype(np.float32)).ravel())


@functools.cache
def _grid() -> Array:
    """(GRID**3, 3), the colours of the table's points, red fastest."""
    steps = np.linspace(0.0, 255.0, GRID)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    return oklab(np.stack([red, green, blue], axis=-1))
