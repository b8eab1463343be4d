"""A frozen generator, through which rows or an encoder are trained."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.func import functional_call

from app.nets.generators import Generator


class FrozenGenerator:
    """A copy of a generator whose weights have no gradients.

    Args:
        dtype: type in which it computes.
        last: type in which its last layer computes.

    Attributes:
        generator: the copy, in float32.
    """

    def __init__(
        self, generator: Generator, device: torch.device, dtype: torch.dtype, last: torch.dtype = torch.float32
    ) -> None:
        self.generator = copy.deepcopy(generator).to(device).requires_grad_(False)
        if device.type == "cpu":
            self.generator.to(memory_format=generator.memory_format)  # type: ignore[call-overload]
        # Converted once, since frozen weights do not change between steps.
        self.weights = self.generator.weights(dtype, last)

    def __call__(self, photos: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Photos (B, 3, H, W) in 0..1 and rows (B, features) -> stylized images (B, 3, H, W) in 0..1."""
        painted: Tensor = functional_call(self.generator, self.weights, (photos, gamma, beta))
        return painted
