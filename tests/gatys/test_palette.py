"""Colours matched by their mean and covariance."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.gatys.palette import moments, recoloured


def soft(seed, height=20, width=30):
    """Colours well inside 0..1, so that nothing is clipped."""
    generator = torch.Generator().manual_seed(seed)
    mix = 0.04 * torch.eye(3).double() + 0.02 * torch.rand(3, 3, generator=generator, dtype=torch.float64)
    colours = 0.5 + torch.einsum("ij,bjhw->bihw", mix, torch.randn(1, 3, height, width, generator=generator).double())
    return colours.clamp(0, 1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_mean_and_covariance_become_the_paintings(seed):
    photo, painting = soft(seed), soft(seed + 1, 25, 10)
    for got, wanted in zip(moments(recoloured(photo, [(painting, 1.0)])), moments(painting), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_several_paintings_count_like_one_of_all_their_pixels():
    photo, first, second = soft(0), soft(1), soft(2)
    both = torch.cat([first, second], dim=3)
    one = recoloured(photo, [(both, 1.0)])
    torch.testing.assert_close(recoloured(photo, [(first, 0.5), (second, 0.5)]), one)


def test_a_photo_in_its_own_colours_stays():
    photo = soft(5)
    torch.testing.assert_close(recoloured(photo, [(photo, 1.0)]), photo, atol=2e-3, rtol=0)


def test_pictures_of_one_colour_are_finite_and_take_the_paintings_mean():
    flat, black = torch.full((1, 3, 4, 4), 0.25), torch.zeros(1, 3, 4, 4)
    torch.testing.assert_close(recoloured(flat, [(black, 1.0)]), black)
    torch.testing.assert_close(recoloured(black, [(flat, 1.0)]), flat)
    assert recoloured(flat, [(soft(1), 1.0)]).isfinite().all()
