from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from picture_files import photo, srgb_encoded

from app.imaging.colour import BAND_PIXELS, keep_colour, lay_over

LUMA = np.array([0.299, 0.587, 0.114])

pixels = arrays(np.uint8, (5, 7, 3))


def luma(rgb):
    return rgb.astype(float) @ LUMA


@given(pixels, pixels)
def test_luma_is_the_paintings_with_the_photos_mean_and_contrast(content, painted):
    result = keep_colour(content, painted)
    assert result.dtype == np.uint8
    # Each channel is rounded by half a level at most, so their mean with weights of sum 1 is as well.
    assert np.abs(luma(result) - matched(content, painted)).max() <= 0.5 + 1e-3


def matched(content, painted):
    wanted, given = luma(content), luma(painted)
    scale = min(2.0, max(0.5, wanted.std() / max(given.std(), 1e-3)))
    return np.clip((given - given.mean()) * scale + wanted.mean(), 0, 255)


@given(pixels, pixels)
def test_chroma_is_the_photos_where_the_gamut_has_it_and_only_weaker_elsewhere(content, painted):
    result = keep_colour(content, painted).astype(float)
    shifted = content + (matched(content, painted) - luma(content))[..., None]
    inside = ((shifted >= 0) & (shifted <= 255)).all(axis=2)
    assert np.abs(result - shifted)[inside].max(initial=0) <= 0.5 + 1e-3
    before, after = content - luma(content)[..., None], result - luma(result)[..., None]
    # The same direction: no component changes its sign beyond a level of rounding, or grows.
    assert (np.sign(before) * after >= -1).all()
    assert (np.abs(after) <= np.abs(before) + 1).all()


def test_a_bright_sky_stays_bright_in_a_dark_style():
    content = np.asarray(photo("coffee.png", (40, 30)))
    dark = (content // 3).astype(np.uint8)
    result = keep_colour(content, dark)
    assert abs(luma(result).mean() - luma(content).mean()) < 2


def test_a_blank_photo_keeps_half_of_the_strokes():
    painted = np.asarray(photo("coffee.png", (40, 30)))
    result = keep_colour(np.full_like(painted, 128), painted)
    assert luma(result).std() == pytest.approx(luma(painted).std() / 2, rel=0.02)
    assert luma(result).mean() == pytest.approx(128, abs=1)


def test_a_photo_painted_as_itself_stays_itself():
    content = np.asarray(photo("chelsea.png"))
    assert content.shape[0] * content.shape[1] > BAND_PIXELS
    np.testing.assert_array_equal(keep_colour(content, content), content)


def test_a_grey_photo_gives_grey():
    painted = np.asarray(photo("coffee.png", (40, 30)))
    content = np.repeat(np.asarray(photo("chelsea.png", (40, 30)))[..., :1], 3, axis=2)
    grey = keep_colour(content, painted)
    assert (grey == grey[..., :1]).all()
    assert np.abs(grey[..., 0] - matched(content, painted)).max() <= 0.5 + 1e-3


@given(pixels, pixels)
def test_strength_0_is_the_photo_and_1_the_painting(content, painted):
    np.testing.assert_array_equal(lay_over(content, painted, 0.0), content)
    np.testing.assert_array_equal(lay_over(content, painted, 1.0), painted)


def test_the_ends_do_not_alias_their_input():
    content, painted = np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8)
    for strength, source in ((0.0, content), (1.0, painted)):
        assert not np.shares_memory(lay_over(content, painted, strength), source)


@given(pixels, pixels, st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_every_value_moves_steadily_from_photo_to_painting(content, painted, strengths):
    layers = [lay_over(content, painted, s).astype(int) for s in sorted(strengths)]
    towards = np.sign(painted.astype(int) - content)
    for weaker, stronger in pairwise(layers):
        assert ((stronger - weaker) * towards >= 0).all()


def test_the_mix_is_linear_in_light():
    content, painted = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    for strength in (0.001, 0.1, 0.25, 0.5, 0.9):
        assert lay_over(content, painted, strength)[0, 0, 0] == round(float(srgb_encoded(np.array(strength))))
    assert lay_over(content, painted, 0.5)[0, 0, 0] == 188  # half the light of white


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_other_strengths_are_refused(strength):
    with pytest.raises(ValueError, match="strength"):
        lay_over(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1, 3), np.uint8), strength)


def test_pictures_of_different_sizes_are_refused_and_not_broadcast():
    for function in (keep_colour, lambda a, b: lay_over(a, b, 0.5)):
        with pytest.raises(ValueError, match="shape"):
            function(np.zeros((4, 4, 3), np.uint8), np.zeros((1, 1, 3), np.uint8))
