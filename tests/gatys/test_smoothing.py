"""The preconditioner as a matrix."""

import pytest
import torch

from app.gatys.smoothing import Smoothing


@pytest.mark.parametrize("shape", [(6, 8), (5, 7), (1, 6)])
def test_it_is_symmetric_and_positive_definite(shape):
    basis = torch.eye(3 * shape[0] * shape[1], dtype=torch.float64).view(-1, 3, *shape)
    smoothing = Smoothing(basis[:1], 0.5)
    matrix = torch.stack([smoothing(unit[None]).flatten() for unit in basis])
    torch.testing.assert_close(matrix, matrix.T, atol=1e-6, rtol=0)
    assert torch.linalg.eigvalsh(matrix).min() > 0


def test_a_wave_is_scaled_by_its_period_and_nothing_else():
    x = torch.arange(16) / 16
    wave = torch.cos(2 * torch.pi * 4 * x).expand(1, 3, 16, 16)  # a quarter period a pixel, the highest has a half
    torch.testing.assert_close(Smoothing(wave, 1.0)(wave), 2 * wave, atol=1e-5, rtol=0)


def test_power_0_changes_nothing():
    gradient = torch.rand(1, 3, 4, 4)
    assert Smoothing(gradient, 0.0)(gradient) is gradient
