from __future__ import annotations

import numpy as np
import pytest

from app.imaging.picture import Picture


def test_sizes_come_from_the_array():
    picture = Picture(np.zeros((2000, 500, 3), np.uint8))
    assert (picture.width, picture.height, picture.megapixels) == (500, 2000, 1.0)


@pytest.mark.parametrize(
    ("rgb", "alpha"),
    [
        (np.zeros((4, 4, 3), np.float32), None),
        (np.zeros((4, 4), np.uint8), None),
        (np.zeros((4, 4, 4), np.uint8), None),
        (np.zeros((0, 4, 3), np.uint8), None),
        (np.zeros((3, 4, 4), np.uint8).transpose(1, 2, 0), None),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8)),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32)),
    ],
)
def test_other_arrays_are_refused(rgb, alpha):
    with pytest.raises(ValueError, match="must be"):
        Picture(rgb, alpha)
