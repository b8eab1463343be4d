"""A generator that paints for what learns before it, and stays as it is."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.func import functional_call

from app.nets.generators import Generator


class FrozenGenerator:
    """A copy of a generator whose weights want no gradients.

    Args:
        dtype: that it computes in.
        last: that its last layer computes in.

    Attributes:
        generator: the copy, in float32.
    """

    def __init__(
        self, generator: Generator, device: torch.device, dtype: torch.dtype, last: torch.dtype = torch.float32
    ) -> None:
        self.generator = copy.deepcopy(generator).to(device).requires_grad_(False)
        if device.type == "cpu":
            self.generator.to(memory_format=generator.memory_format)  # type: ignore[call-overload]
        # Narrowed once: what is frozen need not be narrowed again in every step.
        self.weights = self.generator.weights(dtype, last)

    def __call__(self, photos: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Photos and painted (B, 3, H, W) in 0..1, rows (B, features)."""
        painted: Tensor = functional_call(self.generator, self.weights, (photos, gamma, beta))
        return painted
