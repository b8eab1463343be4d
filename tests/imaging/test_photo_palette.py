"""The photo's palette for the stylized image."""

from __future__ import annotations

import numpy as np
import pytest
from picture_files import photo

from app.imaging.palette import match_colour, oklab, transport


def moments(pixels):
    lab = oklab(pixels)
    return lab.mean(axis=0), np.cov(lab, rowvar=False)


def test_oklab_has_the_published_values():
    # https://bottosson.github.io/posts/oklab and the CSS Color 4 conversions.
    colours = np.array([[255, 255, 255], [255, 0, 0], [0, 0, 255], [0, 0, 0]])
    wanted = [[1, 0, 0], [0.62796, 0.22486, 0.12585], [0.45201, -0.03246, -0.31153], [0, 0, 0]]
    np.testing.assert_allclose(oklab(colours), wanted, atol=1e-4)


def test_colours_get_the_photos_mean_and_covariance():
    content, painted = np.asarray(photo("astronaut.png", (200, 160))), np.asarray(photo("coffee.png", (240, 150)))
    # Less contrast, so that nothing leaves the gamut.
    content = (content // 2 + 60).astype(np.uint8)
    result = match_colour(content, painted)
    assert (result.dtype, result.shape) == (np.uint8, painted.shape)
    (mean, covariance), (wanted_mean, wanted) = moments(result), moments(content)
    np.testing.assert_allclose(mean, wanted_mean, atol=0.004)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), np.sqrt(np.diag(wanted)), rtol=0.12)


def test_a_photo_painted_as_itself_stays_itself():
    content = np.asarray(photo("chelsea.png", (256, 170)))
    difference = match_colour(content, content).astype(int) - content
    assert np.abs(difference).mean() < 1


def test_the_map_takes_one_covariance_to_the_other_and_is_symmetric():
    rng = np.random.default_rng(5)
    given, wanted = (np.cov(rng.normal(size=(3, 50))) for _ in range(2))
    slope = transport(given, wanted)
    np.testing.assert_allclose(slope, slope.T, atol=1e-9)
    np.testing.assert_allclose(slope @ given @ slope, wanted, atol=1e-9)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_photo_gives_strokes_without_colour(level):
    painted = np.asarray(photo("coffee.png", (120, 80)))
    result = match_colour(np.full((50, 60, 3), level, np.uint8), painted)
    lab = oklab(result)
    assert np.abs(lab[:, 1:]).max() < 0.02
    assert lab[:, 0].std() > 0.1 * oklab(painted)[:, 0].std()


def test_grain_that_cannot_be_seen_does_not_become_colour():
    noise = np.random.default_rng(6).integers(-1, 2, size=(60, 60, 3))
    painted = (128 + noise).astype(np.uint8)
    result = match_colour(np.asarray(photo("coffee.png", (120, 80))), painted)
    # Enlarged less than to the photo's own range, which a map without the bound would do.
    assert oklab(result).std(axis=0).max() < 0.5 * oklab(np.asarray(photo("coffee.png"))).std(axis=0).max()
