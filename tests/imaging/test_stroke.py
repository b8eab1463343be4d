import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.picture import Picture
from app.imaging.resize import resize
from app.imaging.stroke import LEAST, MOST, at_size, largest_edge, painted_size

edges = st.integers(1, 16_384)
strokes = st.floats(LEAST, MOST)


@given(edges, edges)
def test_a_stroke_of_1_is_painted_at_the_pictures_own_size(width, height):
    assert painted_size(width, height, 1.0) == (width, height)


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
    assert painted_size(*size, stroke) == painted


@given(st.integers(16, 16_384), strokes, st.floats(0, 1))
def test_up_to_the_largest_edge_nothing_is_painted_past_the_limit(limit, stroke, share):
    most = largest_edge(stroke, limit)
    assert 1 <= most <= limit
    longer = max(1, round(share * most))
    assert max(painted_size(longer, max(1, longer // 3), stroke)) <= limit


def test_pixels_of_the_right_size_are_themselves_and_others_are_resized():
    pixels = np.arange(10 * 8 * 3, dtype=np.uint8).reshape(10, 8, 3)
    assert at_size(pixels, 8, 10) is pixels
    np.testing.assert_array_equal(at_size(pixels, 16, 20), resize(Picture(pixels), 16, 20).rgb)
