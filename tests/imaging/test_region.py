import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_files import photo

from app.imaging.picture import Picture
from app.imaging.region import Enlargement
from app.imaging.resize import resize


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(
    size=st.tuples(st.integers(40, 90), st.integers(40, 90)),
    factor=st.floats(1.5, 5),
    corner=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    share=st.floats(0.01, 1),
)
def test_a_region_is_that_of_the_enlarged_picture(size, factor, corner, share):
    pixels = noise(*size)
    height, width = (round(edge * factor) for edge in size)
    whole = Enlargement(pixels, width, height).region(0, 0, height, width)
    top, left = int(corner[0] * (height - 1)), int(corner[1] * (width - 1))
    rows, columns = (max(1, int(share * room)) for room in (height - top, width - left))
    found = Enlargement(pixels, width, height).region(top, left, rows, columns)
    # Pillow computes a weight from the place in the box, whose last bits differ.
    assert np.abs(found.astype(int) - whole[top : top + rows, left : left + columns]).max() <= 1


@pytest.mark.parametrize("size", [(900, 600), (1201, 799)])
def test_the_whole_is_what_resizing_makes(size):
    pixels = np.asarray(photo("chelsea.png", (451, 300)))
    found = Enlargement(pixels, *size).region(0, 0, size[1], size[0])
    difference = np.abs(found.astype(int) - resize(Picture(pixels), *size).rgb)
    # Pillow may have taken the rows first, and clips between its two passes.
    assert difference.mean() < 0.01
    assert difference.max() <= 8


def test_at_its_own_size_it_is_the_picture_without_a_copy():
    pixels = noise(9, 7)
    found = Enlargement(pixels, 7, 9).region(2, 1, 5, 4)
    assert np.array_equal(found, pixels[2:7, 1:5])
    assert np.shares_memory(found, pixels)
