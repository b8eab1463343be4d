from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from picture_files import decibels, photo
from PIL import Image

from app.imaging.picture import Picture
from app.imaging.resize import fitted, resize

edges = st.integers(1, 100_000)


@given(edges, edges, st.integers(1, 20_000))
def test_fitted_keeps_the_aspect_to_half_a_pixel(width, height, longer_edge):
    new_width, new_height = fitted(width, height, longer_edge)
    assert max(new_width, new_height) == longer_edge
    assert min(new_width, new_height) >= 1
    scale = Fraction(longer_edge, max(width, height))
    for new, old in ((new_width, width), (new_height, height)):
        assert new == 1 or abs(new - old * scale) <= Fraction(1, 2)


def test_known_sizes():
    assert fitted(4000, 3000, 512) == (512, 384)
    assert fitted(3000, 4000, 512) == (384, 512)
    assert fitted(100, 100, 333) == (333, 333)
    assert fitted(40_000_000, 1, 512) == (512, 1)


def test_the_result_equals_plain_lanczos():
    image = photo("chelsea.png")
    picture = Picture(np.array(image))
    for size in ((200, 133), (451, 300), (900, 600)):
        reference = np.asarray(image.resize(size, Image.Resampling.LANCZOS))
        assert resize(picture, *size).rgb.shape == reference.shape
        np.testing.assert_array_equal(resize(picture, *size).rgb, reference)
    # From 6 times on, averaging by whole numbers comes first.
    assert decibels(resize(picture, 45, 30).rgb, image.resize((45, 30), Image.Resampling.LANCZOS)) > 45


def test_transparent_colours_do_not_bleed():
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, :15] = (0, 0, 255)
    rgb[:, 15:] = (255, 255, 0)
    alpha = np.full((32, 32), 255, np.uint8)
    alpha[:, 15:] = 0
    for edge in (8, 77):
        resized = resize(Picture(rgb, alpha), edge, edge)
        assert resized.rgb.flags.c_contiguous
        assert (resized.rgb[resized.alpha > 0] == (0, 0, 255)).all()


def test_the_same_size_changes_nothing():
    picture = Picture(np.array(photo(size=(20, 10))), np.arange(200, dtype=np.uint8).reshape(10, 20))
    same = resize(picture, 20, 10)
    np.testing.assert_array_equal(same.rgb, picture.rgb)
    np.testing.assert_array_equal(same.alpha, picture.alpha)
