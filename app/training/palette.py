"""Fitting the colours of stylized images to the palettes of their style images, after a training.

The content loss holds contrast and saturation back, most of all in styles of few strong colours. The last norm decides
colours alone: its gamma and beta, six numbers a style, are fitted to the mean and covariance of the style image's
colours in Oklab, while everything before it stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from app.imaging.palette import TO_CONES, TO_LAB
from app.nets.generators import Generator
from app.nets.norm import StyleRows

STEPS = 150
RATE = 0.03
# Of each picture.
PIXELS = 3000
# Added to covariances, whose roots have no gradient at 0: a deviation of 0.001 in Oklab cannot be seen.
UNSEEN = 1e-6


def fit_palettes(
    generator: Generator, rows: StyleRows, style_images: Sequence[Tensor], photos: Tensor, shares: Sequence[float]
) -> None:
    """Move gamma and beta of the last norm, in place, towards those with which colours are the style images'.

    Args:
        generator: one whose norms are over the sample, and whose last layer is a norm and a sigmoid.
        style_images: (1, 3, H, W) in 0..1, one for each row.
        photos: (B, 3, H, W) in 0..1; all of them together are fitted.
        shares: how far to move each row, 0 to 1.
    """
    width = generator.widths[-1]
    for row, (style_image, share) in enumerate(zip(style_images, shares, strict=True)):
        gamma, beta = rows.gamma[row, -width:], rows.beta[row, -width:]
        values = torch.stack([gamma, beta]).detach()
        fitted = fit(values, last_inputs(generator, rows, row, photos), moments(pixels(style_image)))
        with torch.no_grad():
            gamma.lerp_(fitted[0], share)
            beta.lerp_(fitted[1], share)


@torch.no_grad()
def last_inputs(generator: Generator, rows: StyleRows, row: int, photos: Tensor) -> Tensor:
    """Pixels (B, N, 3) of the last norm's results before its gamma and beta."""
    found: list[Tensor] = []
    norm = generator.get_submodule(list(generator.norms)[-1])
    handle = norm.register_forward_pre_hook(lambda _, inputs: found.append(F.instance_norm(inputs[0].float())))
    try:
        gamma, beta = rows(torch.full((len(photos),), row, device=photos.device))
        generator(photos, gamma, beta)
    finally:
        handle.remove()
    return pixels(found[-1])


def fit(values: Tensor, inputs: Tensor, wanted: tuple[Tensor, Tensor]) -> Tensor:
    """Gamma and beta (2, 3), from `values` on, with which pixels (B, N, 3) have the wanted moments most nearly."""
    fitted = values.clone().requires_grad_()
    optimiser = torch.optim.Adam([fitted], lr=RATE)
    for _ in range(STEPS):
        optimiser.zero_grad()
        mean, root = moments(torch.sigmoid(inputs * fitted[0] + fitted[1]))
        loss = (mean - wanted[0]).square().sum(-1).mean() + (root - wanted[1]).square().sum((-2, -1)).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return fitted.detach()


def pixels(pictures: Tensor) -> Tensor:
    """(B, 3, H, W) -> some of the pixels, at even distances: (B, N, 3)."""
    flat = pictures.flatten(2).transpose(1, 2)
    return flat[:, :: max(1, flat.shape[1] // PIXELS)]


def moments(colours: Tensor) -> tuple[Tensor, Tensor]:
    """sRGB in 0..1, (B, N, 3) -> mean (B, 3) and the root of the covariance (B, 3, 3), both in Oklab."""
    lab = oklab(colours)
    mean = lab.mean(dim=1, keepdim=True)
    covariance = (lab - mean).mT @ (lab - mean) / lab.shape[1]
    values, vectors = torch.linalg.eigh(covariance + UNSEEN * torch.eye(3, device=lab.device))
    return mean[:, 0], (vectors * values.clamp_min(UNSEEN).sqrt()[:, None]) @ vectors.mT


def oklab(colours: Tensor) -> Tensor:
    """As app.imaging.palette.oklab, with gradients."""
    light = torch.where(colours <= 0.04045, colours / 12.92, ((colours.clamp_min(0.04) + 0.055) / 1.055) ** 2.4)
    to_cones, to_lab = (torch.tensor(matrix.T, dtype=light.dtype, device=light.device) for matrix in (TO_CONES, TO_LAB))
    return (light @ to_cones).clamp_min(1e-6) ** (1 / 3) @ to_lab
