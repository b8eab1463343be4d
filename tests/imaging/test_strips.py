from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from app.imaging.resize import resample
from app.imaging.strips import Shrinker, shrink

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("whole", "size"),
    [((90, 62), (90, 62)), ((90, 62), (33, 23)), ((901, 617), (64, 44)), ((50, 2003), (3, 111)), ((2003, 3), (20, 1))],
)
def test_strips_make_what_the_whole_makes(channels, whole, size):
    shape = whole[::-1] if channels == 1 else (*whole[::-1], channels)
    pixels = RNG.integers(0, 256, shape).astype(np.uint8)
    expected = np.asarray(resample(Image.fromarray(pixels), size))
    shrinker = Shrinker(*whole, channels, size)
    step = shrinker.strip_rows(200_000)
    for top in range(0, whole[1], step):
        shrinker.add(pixels[top : top + step])
    found = np.asarray(shrinker.picture())
    if channels in (2, 4):  # what can be seen of the colours
        found, expected = (a.astype(float) * np.dstack([a[:, :, -1:] / 255] * channels) for a in (found, expected))
    # Pillow filters rows or columns first, whichever is less work, and rounds between: one level each.
    assert np.abs(found.astype(float) - expected).max() <= (2 if channels in (2, 4) else 1)


def test_larger_than_the_whole_is_possible():
    pixels = RNG.integers(0, 256, (9, 7, 3)).astype(np.uint8)
    assert shrink(pixels, (14, 18)).size == (14, 18)
