"""Where a photo is stylized."""

from __future__ import annotations

import numpy as np
import pytest
from picture_files import file_of, photo, srgb_encoded
from PIL import Image

from app.errors import InvalidOption
from app.imaging.colour import lay_over
from app.imaging.compose import compose, shows_photo
from app.imaging.decode import Header
from app.imaging.mask import check_shape, read_mask
from app.imaging.picture import Picture


def pictures(size=(40, 30)):
    return np.asarray(photo("chelsea.png", size)), np.asarray(photo("coffee.png", size))


def test_white_is_the_painting_and_black_the_photo_to_the_bit():
    content, painted = pictures()
    mask = np.zeros((30, 40), np.uint8)
    mask[:, 20:] = 255
    result = lay_over(content, painted, 1.0, mask)
    np.testing.assert_array_equal(result[:, :20], content[:, :20])
    np.testing.assert_array_equal(result[:, 20:], painted[:, 20:])


@pytest.mark.parametrize("strength", [0.25, 0.6, 1.0])
def test_an_even_mask_is_a_strength(strength):
    content, painted = pictures()
    within = lay_over(content, painted, strength, np.full((30, 40), 102, np.uint8))
    assert np.abs(within.astype(int) - lay_over(content, painted, strength * 0.4)).max() <= 1


def test_the_mix_is_linear_in_light():
    content, painted = np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)
    for share in (1, 51, 128, 254):
        mixed = lay_over(content, painted, 1.0, np.full((1, 1), share, np.uint8))
        assert mixed[0, 0, 0] == round(float(srgb_encoded(np.array(share / 255))))


def test_a_mask_of_another_size_is_an_error():
    content, painted = pictures()
    with pytest.raises(ValueError, match="differ in shape"):
        lay_over(content, painted, 1.0, np.zeros((40, 30), np.uint8))


def test_colours_and_alpha_stay_with_a_mask():
    content, painted = pictures()
    alpha = np.full((30, 40), 77, np.uint8)
    result = compose(Picture(content.copy(), alpha), painted, "keep", 1.0, np.zeros((30, 40), np.uint8))
    np.testing.assert_array_equal(result.rgb, content)
    np.testing.assert_array_equal(result.alpha, alpha)
    assert shows_photo("style", 1.0, masked=True)
    assert not shows_photo("style", 1.0)


def test_it_is_luma_at_the_results_size_and_nothing_where_it_is_transparent():
    shares = np.zeros((20, 30, 4), np.uint8)
    shares[..., 3] = 255
    shares[:, 10:20, :3] = 255
    shares[:, 20:, 3] = 0
    shares[:, 20:, :3] = 255
    mask = read_mask(file_of(Image.fromarray(shares), "PNG"), 60, 40, 1, 10_000_000)
    assert (mask.shape, mask.dtype) == ((40, 60), np.uint8)
    assert mask[:, :14].max() == 0
    assert mask[:, 26:34].min() == 255
    assert mask[:, 46:].max() == 0


@pytest.mark.parametrize(
    ("mask", "fits"), [((400, 300), True), ((4, 3), True), ((133, 100), True), ((300, 400), False)]
)
def test_its_shape_is_the_photos(mask, fits):
    header = Header("png", *mask)
    if fits:
        check_shape(header, 800, 600)
    else:
        with pytest.raises(InvalidOption, match="300 x 400 pixels"):
            check_shape(header, 800, 600)
