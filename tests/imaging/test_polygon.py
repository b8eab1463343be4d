"""Areas that are drawn as polygons."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.imaging.polygon import Polygon

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


@pytest.mark.parametrize(("width", "height"), [(16, 16), (301, 20), (640, 480), (3000, 200), (1, 900)])
def test_all_of_the_picture_is_within_a_polygon_around_it(width, height):
    for feather in (0.0, 0.2):
        shares = Polygon(WHOLE, feather).shares(width, height)
        assert shares.shape == (height, width)
        assert shares.dtype == np.uint8
        assert shares.min() == 255


@pytest.mark.parametrize("size", [(64, 64), (500, 333), (2500, 1000)])
def test_it_covers_its_share_of_the_picture_hard_or_soft(size):
    circle = tuple((0.5 + 0.3 * math.cos(t / 50 * math.pi), 0.5 + 0.3 * math.sin(t / 50 * math.pi)) for t in range(100))
    for feather in (0.0, 0.05):
        assert Polygon(circle, feather).shares(*size).mean() / 255 == pytest.approx(0.09 * math.pi, rel=0.01)


def test_the_soft_edge_has_the_width_of_the_feather_and_its_middle_on_the_line():
    shares = Polygon(LEFT, 0.1).shares(1000, 100)[50].astype(int)
    assert np.all(np.diff(shares) <= 0)
    assert shares[[450, 549]] == pytest.approx([0.977 * 255, 0.023 * 255], abs=4)
    assert shares[[400, 600]].tolist() == [255, 0]
    assert shares[500] == pytest.approx(127, abs=3)


def test_without_a_feather_the_edge_is_that_of_the_pixels_it_cuts():
    shares = Polygon(((0.0, 0.0), (0.25, 0.0), (0.25, 1.0), (0.0, 1.0)), 0.0).shares(10, 4).astype(int)
    assert shares[:, :2].min() == 255
    assert shares[:, 2] == pytest.approx(127, abs=3)
    assert shares[:, 3:].max() == 0


def test_what_it_encloses_twice_is_outside():
    bow = ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0))
    assert Polygon(bow, 0.0).shares(100, 100).mean() / 255 == pytest.approx(0.5, abs=0.02)
