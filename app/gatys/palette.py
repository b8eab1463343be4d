"""The style images' palette on the photo, as a start that already has the right colours."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Added to the photo's variances: a picture of one colour has none to divide by. That of rounding to 8 bits.
MIN_VARIANCE = 1 / 255**2 / 12


def recoloured(photo: Tensor, paintings: Sequence[tuple[Tensor, float]]) -> Tensor:
    """`photo` with the mean and covariance of the style images' colours; all (1, 3, H, W) in 0..1, weights sum to 1.

    Of the linear maps that do so (1606.05897, section 5.1), the one that moves colours least: the optimal transport
    between the two as normal distributions, A = C_p^-1/2 (C_p^1/2 C_s C_p^1/2)^1/2 C_p^-1/2.
    """
    mean, covariance = moments(photo)
    of_each = [(*moments(painting), weight) for painting, weight in paintings]
    wanted_mean = sum((weight * m for m, _, weight in of_each), start=torch.zeros_like(mean))
    # The means of several style images differ, too: the law of total covariance.
    wanted = sum(
        (weight * (c + torch.outer(m - wanted_mean, m - wanted_mean)) for m, c, weight in of_each),
        start=torch.zeros_like(covariance),
    )
    covariance = covariance + MIN_VARIANCE * torch.eye(3, dtype=covariance.dtype)
    root, inverse = power(covariance, 0.5), power(covariance, -0.5)
    matrix = inverse @ power(root @ wanted @ root, 0.5) @ inverse
    colours = photo[0].flatten(1).double().cpu()
    moved = matrix @ (colours - mean[:, None]) + wanted_mean[:, None]
    return moved.clamp(0, 1).view(photo.shape).to(photo)


def moments(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (3,) and covariance (3, 3) of the colours."""
    # 3 x 3 matrices in double precision: not every device has it, the CPU does.
    colours = picture[0].flatten(1).double().cpu()
    mean = colours.mean(dim=1)
    return mean, (colours - mean[:, None]) @ (colours - mean[:, None]).T / colours.shape[1]


def power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    # Rounding can make the eigenvalue 0 of a picture of one colour negative.
    result: Tensor = vectors @ torch.diag(values.clamp_min(0).pow(exponent)) @ vectors.T
    return result
