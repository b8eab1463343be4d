"""The multi-scale generators of Ulyanov et al. (1603.03417): noise at every scale, merged from coarse to fine.

`Texture` makes a style image's texture from noise alone, in any size; `Ulyanov` takes the photo at every scale beside
the noise, and stylizes it. Blocks, joins and widths are the paper's. Two things differ: the last layer has a norm and a
sigmoid, as in all generators here, and `Ulyanov` pads by reflection; the paper pads circularly, which would let a
photo's sky bleed into its ground. `Texture` does pad circularly: where its width and height are multiples of its
coarsest scale, it can be laid edge to edge.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.nets.generators import SMALLEST_EDGE, ConvNorm, Generator, Padding, Rows, check_sizes, pad_to_multiple
from app.nets.noise import keys_of, seeded_noise
from app.nets.norm import NormName, build_norm

# Channels of noise at each scale (1603.03417, section 4.1).
NOISE_CHANNELS = 3
# Slope of every LeakyReLU, as in the authors' code.
SLOPE = 0.01
MAX_SCALES = 6


class Block(nn.Module):
    """Convolutions 3x3, 3x3 and 1x1, each with a norm and a LeakyReLU (1603.03417, figure 2)."""

    def __init__(self, inputs: int, outputs: int, norm: NormName, padding: Padding) -> None:
        super().__init__()
        sizes = ((inputs, 3), (outputs, 3), (outputs, 1))
        self.layers = nn.ModuleList(ConvNorm(n, outputs, kernel, norm=norm, padding=padding) for n, kernel in sizes)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        for layer in self.layers:
            x = F.leaky_relu(layer(x, rows), SLOPE)
        return x


class Join(nn.Module):
    """One scale: its own input and the output of the coarser scales, each through a block, concatenated.

    Both are normalised first, or the one with larger values would dominate.
    """

    def __init__(self, inputs: int, own: int, deep: int, norm: NormName, padding: Padding) -> None:
        super().__init__()
        # In the order in which they take their part of a style row.
        self.own = Block(inputs, own, norm, padding)
        self.own_norm = build_norm(norm, own)
        self.deep_norm = build_norm(norm, deep)
        self.joined = Block(own + deep, own + deep, norm, padding)

    def forward(self, coarser: Tensor, x: Tensor, rows: Rows) -> Tensor:
        own = self.own_norm(self.own(x, rows), *next(rows))
        deep = self.deep_norm(F.interpolate(coarser, scale_factor=2, mode="nearest"), *next(rows))
        joined: Tensor = self.joined(torch.cat([deep, own], dim=1), rows)
        return joined


class MultiScale(Generator):
    """What `Texture` and `Ulyanov` share.

    Args:
        scales: number of scales, each of half the resolution of the one before.
        width: channels that each scale adds.
    """

    padding: Padding

    def __init__(self, scales: int, width: int, *, norm: NormName) -> None:
        check_scales(scales, width)
        multiple = 2 ** (scales - 1)
        # Norms and reflection padding need two positions along an edge of the coarsest scale.
        super().__init__(multiple, max(SMALLEST_EDGE, 2 * multiple))
        self.scales = scales
        inputs = NOISE_CHANNELS + (3 if self.has_photo else 0)
        self.coarsest = Block(inputs, width, norm, self.padding)
        self.joins = nn.ModuleList(Join(inputs, width, k * width, norm, self.padding) for k in range(1, scales))
        self.last = ConvNorm(scales * width, 3, 1, norm=norm)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor, seeds: Tensor | None = None) -> Tensor:
        """As `Generator.forward`; `seeds` (B,) or (1,) of int64 choose the noise, 0 by default."""
        padded = pad_to_multiple(x, self.multiple, self.smallest, self.margin)
        return self.within(self.paint(padded, self.split(gamma, beta), seeds), *x.shape[-2:])

    def paint(self, x: Tensor, rows: Rows, seeds: Tensor | None = None) -> Tensor:
        seeds = torch.zeros(1, dtype=torch.int64, device=x.device) if seeds is None else seeds
        coarsest, *finer = reversed(list(self.inputs(x, seeds)))
        h = self.coarsest(coarsest, rows)
        for join, given in zip(self.joins, finer, strict=True):
            h = join(h, given, rows)
        return torch.sigmoid(self.last(h.to(self.last.conv.weight.dtype), rows))

    def inputs(self, x: Tensor, seeds: Tensor) -> Iterator[Tensor]:
        """Inputs of each scale from x (B, 3, H, W) and the noise, finest first."""
        dtype = next(self.coarsest.parameters()).dtype
        for scale in range(self.scales):
            height, width = (edge // 2**scale for edge in x.shape[-2:])
            streams = torch.arange(NOISE_CHANNELS, device=x.device) + NOISE_CHANNELS * scale
            noise = seeded_noise(height, width, keys_of(seeds, streams)).to(x.dtype).expand(len(x), -1, -1, -1)
            photo = F.avg_pool2d(x, 2**scale) if scale else x
            yield (torch.cat([photo, noise], dim=1) if self.has_photo else noise).to(dtype)


class Texture(MultiScale):
    """A texture from noise alone; only the size of the given image matters."""

    has_photo = False
    padding = "circular"

    def __init__(self, scales: int = 5, width: int = 8, *, norm: NormName = "instance") -> None:
        super().__init__(scales, width, norm=norm)


class Ulyanov(MultiScale):
    """A photo in the style of a style image; each scale sees the downscaled photo beside its noise."""

    padding = "reflect"

    def __init__(self, scales: int = 6, width: int = 8, *, norm: NormName = "instance") -> None:
        super().__init__(scales, width, norm=norm)


def check_scales(scales: int, width: int) -> None:
    """Raise ValueError if one of them is out of bounds."""
    check_sizes((width,), 0)
    if not 1 <= scales <= MAX_SCALES:
        raise ValueError(f"scales must be 1 to {MAX_SCALES}")
