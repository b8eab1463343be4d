"""The benchmark of growth tells a straight line from a bent one, and models of any number of styles from each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.service.growth import USUAL_STYLES, Point, Sample, Series, draw, middle, stylizer_of
from benchmarks.service.straight_line import straight_line


def test_a_straight_line_is_found() -> None:
    line = straight_line([1, 2, 4], [5, 7, 11])
    assert (line.slope, line.start, line.r_squared) == pytest.approx((2, 3, 1))
    assert line.at(10) == pytest.approx(23)
    assert line.spread == pytest.approx(6 / (23 / 3))


def test_a_bent_line_is_told() -> None:
    x = [1.0, 2, 4, 8, 16]
    assert straight_line(x, [value**2 for value in x]).r_squared < 0.97


def test_what_is_flat_has_no_spread_and_no_slope() -> None:
    line = straight_line([1, 2, 3], [4, 4, 4])
    assert (line.slope, line.spread, line.r_squared) == pytest.approx((0, 0, 1))


@pytest.mark.parametrize("x", [[], [1.0], [2.0, 2.0]])
def test_one_point_is_no_line(x: list[float]) -> None:
    with pytest.raises(ValueError, match="two different"):
        straight_line(x, x)


@pytest.mark.parametrize("megapixels", [0.1, 1, 16, 100])
def test_a_picture_has_its_megapixels(megapixels: float) -> None:
    height, width = Point(megapixels=megapixels).size
    assert height * width == pytest.approx(megapixels * 1e6, rel=0.005)
    assert width / height == pytest.approx(4 / 3, rel=0.005)


def test_what_is_not_varied_is_as_usual() -> None:
    assert Point(styles=3).size == (512, 512)
    assert Point(blended=2).styles == USUAL_STYLES


def test_a_model_of_more_styles_begins_with_the_shipped_ones() -> None:
    fewer, more = stylizer_of(2), stylizer_of(USUAL_STYLES + 3)
    assert (len(fewer.style_ids), len(more.style_ids)) == (2, USUAL_STYLES + 3)
    picture = np.tile(np.arange(0, 256, 4, dtype=np.uint8)[:, None, None], (1, 64, 3))
    torch.manual_seed(0)
    first = [stylizer.paint([picture], [{"style_1": 1.0}])[0] for stylizer in (fewer, more)]
    np.testing.assert_array_equal(*first)
    other = more.paint([picture], [{"style_0": 1.0}])[0]
    assert np.abs(other.astype(int) - first[0]).mean() > 1


def test_the_middle_of_samples_is_taken_value_by_value() -> None:
    assert middle([Sample(1, 9, 5, 5), Sample(3, 1, 6, 4), Sample(2, 5, 7, 3)]) == Sample(2, 5, 6, 4)


def test_a_picture_of_the_series_is_drawn(tmp_path) -> None:
    samples = [Sample(0.1, 0.2, 300, 10), Sample(0.2, 0.4, 400, 110), Sample(0.4, 0.8, 600, 310)]
    series = Series("megapixels", [1, 2, 4], samples)
    draw(tmp_path / "growth.png", [series, series])
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    assert series.rows[2] == ("megapixels", "4", "0.400", "0.800", "600", "310")
    assert "0.1 s x megapixels, R2 1.0000" in series.sentences[0]
