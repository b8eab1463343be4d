import numpy as np
import pytest

from app.engine.repainting import Repainting, mixed


def test_a_mean_is_that_of_every_pair_of_values_rounded_up():
    a, b = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    assert np.array_equal(mixed(a, b, 0.5), (a.astype(int) + b + 1) // 2)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.75, 0.996, 1.0])
def test_a_mixture_is_within_a_step_of_the_exact_one(share):
    a, b = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    assert np.abs(mixed(a, b, share) - ((1 - share) * a + share * b)).max() <= 1
    if share in (0.0, 1.0):
        assert np.array_equal(mixed(a, b, share), b if share else a)


@pytest.mark.parametrize(
    ("repainting", "megapixels"),
    [(Repainting(), 0.2), (Repainting(0.5), 0.4), (Repainting(0, (1000, 800)), 1.0), (Repainting(1, (1000, 800)), 1.2)],
)
def test_it_counts_what_the_network_paints(repainting, megapixels):
    assert repainting.megapixels(500, 400) == pytest.approx(megapixels)
