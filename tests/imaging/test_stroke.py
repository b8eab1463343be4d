import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.picture import Picture
from app.imaging.resize import resize
from app.imaging.stroke import (
    AUTO,
    MAX_STROKE,
    MIN_STROKE,
    at_size,
    largest_edge,
    painted_size,
    read_stroke,
    repainted_size,
)

edges = st.integers(1, 16_384)
strokes = st.floats(MIN_STROKE, MAX_STROKE)


@given(edges, edges)
def test_a_stroke_of_1_is_painted_at_the_pictures_own_size(width, height):
    assert painted_size(width, height, 1.0, 512) == (width, height)


@pytest.mark.parametrize(
    ("size", "stroke", "painted"),
    [
        ((512, 384), 2.0, (256, 192)),
        ((384, 512), 0.5, (768, 1024)),
        ((100, 75), 1.6, (62, 47)),
        ((1, 1), 2.0, (1, 1)),
        ((2048, 1), 2.0, (1024, 1)),
    ],
)
def test_the_longer_edge_is_divided_by_the_stroke(size, stroke, painted):
    assert painted_size(*size, stroke, 2048) == painted


@pytest.mark.parametrize(
    ("size", "painted"),
    [
        ((512, 384), (512, 384)),
        ((4000, 3000), (512, 384)),
        ((3000, 4000), (384, 512)),
        ((1024, 1024), (512, 512)),
        ((300, 200), (300, 200)),  # nothing is painted larger than it will be
        ((4000, 1000), (1024, 256)),  # a panorama keeps room for strokes across it
        ((600, 100), (600, 100)),
        ((16_000, 100), (2048, 13)),
    ],
)
def test_an_automatic_stroke_paints_every_picture_as_large_as_a_preview(size, painted):
    assert painted_size(*size, AUTO, 2048) == painted


def test_an_automatic_stroke_keeps_to_what_the_network_may_see():
    assert painted_size(4000, 3000, AUTO, 256) == (256, 192)


@pytest.mark.parametrize(
    ("size", "repainted"),
    [
        ((4000, 3000), (1024, 768)),
        ((3000, 4000), (768, 1024)),
        ((800, 600), (800, 600)),  # no larger than the result
        ((640, 480), (640, 480)),
        ((630, 480), None),  # hardly enlarged
        ((512, 384), None),
        ((300, 200), None),
        ((4000, 1000), (2048, 512)),
    ],
)
def test_a_result_that_is_larger_than_its_first_painting_is_painted_over(size, repainted):
    assert repainted_size(*size, AUTO, 2048) == repainted


def test_it_is_painted_over_within_what_the_network_may_see_and_never_with_a_stroke_by_number():
    assert repainted_size(4000, 3000, AUTO, 900) == (900, 675)
    assert repainted_size(4000, 3000, AUTO, 512) is None
    assert repainted_size(2048, 1536, 2.0, 2048) is None


@given(st.integers(16, 16_384), st.integers(16, 16_384), strokes | st.just(AUTO), st.floats(0, 1))
def test_up_to_the_largest_edge_nothing_is_painted_past_the_limit(limit, network, stroke, share):
    most = largest_edge(stroke, limit, network)
    assert 1 <= most <= limit
    longer = max(1, round(share * most))
    assert max(painted_size(longer, max(1, longer // 3), stroke, network)) <= network + 1


def test_a_number_ties_the_largest_edge_to_what_the_network_may_see():
    found = [largest_edge(stroke, 4096, 2048) for stroke in (AUTO, 0.5, 1.0, 1.5, 2.0)]
    assert found == [4096, 1024, 2048, 3072, 4096]


@pytest.mark.parametrize("text", ["thick", "", "0.49", "16.01", "nan", "inf", "Auto"])
def test_a_stroke_is_automatic_or_a_number_within_bounds(text):
    assert (read_stroke("auto"), read_stroke("0.5"), read_stroke("16")) == (AUTO, 0.5, 16.0)
    with pytest.raises(ValueError, match=r"must be auto, or a number from 0\.5 to 16"):
        read_stroke(text)


def test_pixels_of_the_right_size_are_themselves_and_others_are_resized():
    pixels = np.arange(10 * 8 * 3, dtype=np.uint8).reshape(10, 8, 3)
    assert at_size(pixels, 8, 10) is pixels
    np.testing.assert_array_equal(at_size(pixels, 16, 20), resize(Picture(pixels), 16, 20).rgb)
