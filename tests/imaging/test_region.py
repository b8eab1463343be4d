import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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
    whole = resize(Picture(pixels), width, height).rgb
    top, left = int(corner[0] * (height - 1)), int(corner[1] * (width - 1))
    # As tiles are: enlarged from fewer pixels than they have.
    top, left = min(top, height // 2), min(left, width // 2)
    rows, columns = (max(room // 2, int(share * room)) for room in (height - top, width - left))
    found = Enlargement(pixels, width, height).region(top, left, rows, columns)
    # Pillow computes a weight from the place in the box, whose last bits differ.
    assert np.abs(found.astype(int) - whole[top : top + rows, left : left + columns]).max() <= 1


def test_at_its_own_size_it_is_the_picture_without_a_copy():
    pixels = noise(9, 7)
    found = Enlargement(pixels, 7, 9).region(2, 1, 5, 4)
    assert np.array_equal(found, pixels[2:7, 1:5])
    assert np.shares_memory(found, pixels)
