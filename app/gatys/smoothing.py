"""The preconditioner: gradients weighted by frequency, so that broad and fine strokes grow at the same pace."""

from __future__ import annotations

import torch
from torch import Tensor

# Frequencies under this many periods a picture count as this many: the weights stay finite.
LOWEST = 2.0


class Smoothing:
    """Multiplies the spectrum of pictures like `example` (1, 3, H, W) by 1/frequency^power.

    The filter is linear, symmetric and positive definite: what L-BFGS needs of a preconditioner.
    """

    def __init__(self, example: Tensor, power: float) -> None:
        self.power = power
        if not power:
            return
        height, width = example.shape[-2:]
        down = torch.fft.fftfreq(height, device=example.device)[:, None]
        across = torch.fft.rfftfreq(width, device=example.device)[None, :]
        frequency = (down.square() + across.square()).sqrt().clamp_min(LOWEST / max(height, width))
        # 1 at the highest frequency of an axis, half a period a pixel.
        self.weights = (frequency / 0.5).pow(-power)

    def __call__(self, gradient: Tensor) -> Tensor:
        if not self.power:
            return gradient
        spectrum = torch.fft.rfft2(gradient) * self.weights
        smoothed: Tensor = torch.fft.irfft2(spectrum, s=gradient.shape[-2:])
        return smoothed
