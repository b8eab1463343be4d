"""A generator whose norms are given their statistics, so that any part of a picture can be painted alone.

With mean and variance fixed, conditional instance normalisation (1610.07629, equation 5) is an affine map of every
channel, which folds into the convolution before it: z = (gamma / sigma) x + (beta - gamma mu / sigma).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from app.nets.generators import ConvNorm, Trunk
from app.nets.norm import EPSILON, InstanceNorm


@dataclass(frozen=True)
class Moments:
    """Mean and variance (features,) of what every norm of a generator is given, float32, as in its rows."""

    mean: Tensor
    variance: Tensor


class FoldedNorm(InstanceNorm):
    """In the place of a norm that is part of its convolution."""

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        return x


class SharedNorm(InstanceNorm):
    """Normalises all samples of a batch, which are parts of one picture, together.

    Attributes:
        mean, variance: (channels,) of the last batch.
    """

    mean: Tensor
    variance: Tensor

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        wide = x.to(gamma.dtype)
        self.variance, self.mean = torch.var_mean(wide, dim=(0, 2, 3), correction=0)
        scale = gamma * torch.rsqrt(self.variance + EPSILON)
        return torch.addcmul((beta - scale * self.mean)[:, :, None, None], wide, scale[:, :, None, None]).to(x.dtype)


def layers(generator: Trunk) -> list[ConvNorm]:
    """All of them, in the order in which they run."""
    return [module for module in generator.modules() if isinstance(module, ConvNorm)]


@torch.no_grad()
def measured(generator: Trunk, x: Tensor, gamma: Tensor, beta: Tensor) -> Moments:
    """What the norms find in parts of one picture, taken together.

    Args:
        x: (B, 3, H, W) in 0..1, H and W multiples of `generator.multiple`. A whole padded picture, as a batch of one,
            gives the statistics with which the generator itself paints it.
        gamma, beta: (1, features) float32, on the device of x.
    """
    watched = copy.deepcopy(generator)
    for layer in layers(watched):
        if isinstance(layer.norm, InstanceNorm):
            layer.norm = SharedNorm(layer.norm.channels)
    watched.paint(x, watched.split(gamma, beta))
    found = [(layer.norm.mean, layer.norm.variance) for layer in layers(watched)]
    return Moments(*(torch.cat(values) for values in zip(*found, strict=True)))


@torch.no_grad()
def folded(generator: Trunk, moments: Moments, gamma: Tensor, beta: Tensor) -> Trunk:
    """A copy of the generator for one style and one picture; what it is given as gamma and beta changes nothing.

    Args:
        gamma, beta: (1, features) float32, on the device of the generator.
    """
    scale = gamma[0] * torch.rsqrt(moments.variance + EPSILON)
    shift = beta[0] - scale * moments.mean
    fixed = copy.deepcopy(generator)
    parts = (torch.split(values, generator.widths) for values in (scale, shift))
    for layer, factor, offset in zip(layers(fixed), *parts, strict=True):
        weight = layer.conv.weight
        layer.conv.weight = fixed_value(weight * factor[:, None, None, None], weight)
        layer.conv.bias = fixed_value(offset, weight)
        layer.norm = FoldedNorm(layer.norm.channels)
    return fixed


def fixed_value(value: Tensor, like: Tensor) -> nn.Parameter:
    return nn.Parameter(value.to(like.dtype), requires_grad=False)
