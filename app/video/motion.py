"""Motion between two frames, by the method of Lucas and Kanade (1981) from coarse to fine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

# Halvings of the size at which motion is looked for, the coarsest first, with the steps at each. With three steps at
# each, the mean error is 0.1 pixels on a pan and a zoom; with blocks of 7 pixels, or down to half of the size only, it
# is 0.2 to 0.5. A step at the whole size takes most of the time, and more than one gains little.
STEPS = {3: 3, 2: 3, 1: 3, 0: 1}
BLOCK = 15  # pixels of a level, in which all is taken to move alike; three times five, as `block_sums` has it
# Where the gradients' energy, in levels squared a pixel, is below this, the coarser level's motion stands: a camera's
# noise has about 1 at half of the size.
FLAT = 4.0
# From one frame to the next, the light changes by this factor at most. More is another scene.
BRIGHTER = 1.3


def grid(height: int, width: int) -> Tensor:
    """Positions of the pixels' centres, (H, W, 2) in -1..1: x and y."""
    y = (torch.arange(height) * 2 + 1) / height - 1
    x = (torch.arange(width) * 2 + 1) / width - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), 2)


def moved(picture: Tensor, flow: Tensor) -> Tensor:
    """The picture (1, C, H, W) with the values that are at `flow` (1, H, W, 2)."""
    return F.grid_sample(picture, flow, "bicubic", "border", align_corners=False)


def inside(flow: Tensor) -> Tensor:
    """Where `moved` finds something, and not what comes into the picture: (1, 1, H, W) of 0 and 1."""
    return (flow.abs() <= 1).all(3)[:, None].float()


def found_flow(before: Tensor, frame: Tensor) -> Tensor:
    """Where each pixel of `frame` was `before`, both (1, 3, H, W) in 0..1: (1, H, W, 2) as `grid_sample` takes it."""
    return at_size(found_offsets(light(before), light(frame), STEPS), *frame.shape[2:])


def lit_as(frame: Tensor, before: Tensor) -> Tensor:
    """`before` in the light of the frame, both (1, C, H, W): lamps that flicker and cameras that adapt move nothing."""
    gain = frame.mean() / before.mean().clamp(min=1e-6)
    return before * gain.clamp(1 / BRIGHTER, BRIGHTER)


def light(frame: Tensor) -> Tensor:
    """(1, 3, H, W) in 0..1 -> (1, 1, H, W) in levels"""
    return 255 * frame.mean(1, keepdim=True)


def found_offsets(before: Tensor, frame: Tensor, steps: Mapping[int, int]) -> Tensor:
    """How far to go from a pixel of `frame` to where it was `before`: (1, 2, h, w) in `grid_sample`'s units.

    Args:
        before, frame: (1, 1, H, W) in levels.
        steps: at each halving of the size, the coarsest first; at the last one, the offsets are found.
    """
    offsets = torch.zeros(1, 2, 1, 1)
    for level, count in steps.items():
        small_before, small_frame = (F.avg_pool2d(each, 2**level, ceil_mode=True) for each in (before, frame))
        offsets = F.interpolate(offsets, small_frame.shape[2:], mode="bilinear")
        for _ in range(count):
            offsets = offsets + step_towards(small_before, small_frame, offsets)
    return offsets


def at_size(offsets: Tensor, height: int, width: int) -> Tensor:
    """The flow (1, H, W, 2), as `grid_sample` takes it, for a picture of that size."""
    wide = F.interpolate(offsets, (height, width), mode="bilinear")
    return grid(height, width)[None] + wide.permute(0, 2, 3, 1)


def step_towards(before: Tensor, frame: Tensor, offsets: Tensor) -> Tensor:
    """What to add to the offsets (1, 2, H, W), in `grid_sample`'s units.

    In each block, least squares of the difference and its gradients. Little is added where there is nothing to see.
    """
    height, width = frame.shape[2:]
    here = F.grid_sample(
        before, grid(height, width)[None] + offsets.permute(0, 2, 3, 1), "bilinear", "border", align_corners=False
    )
    y, x = F.pad(here, (0, 0, 1, 1), mode="replicate"), F.pad(here, (1, 1, 0, 0), mode="replicate")
    dy, dx = (y[:, :, 2:] - y[:, :, :-2]) / 2, (x[:, :, :, 2:] - x[:, :, :, :-2]) / 2
    dt = frame - here
    products = torch.cat([dx * dx, dy * dy, dx * dy, dx * dt, dy * dt], 1)
    xx, yy, xy, xt, yt = torch.split(block_means(products), 1, dim=1)
    xx, yy = xx + FLAT, yy + FLAT
    determinant = xx * yy - xy * xy
    found = torch.cat([yy * xt - xy * yt, xx * yt - xy * xt], 1) / determinant
    pixel = torch.tensor([2 / width, 2 / height]).reshape(1, 2, 1, 1)
    return block_means(found.clamp(-1, 1)) * pixel


def block_means(x: Tensor) -> Tensor:
    """Means over the blocks around each pixel of (B, C, H, W), of what lies within the picture."""
    height, width = x.shape[2:]
    return block_sums(block_sums(x, 2), 3) / (shares(height)[:, None] * shares(width)[None])


def block_sums(x: Tensor, axis: int) -> Tensor:
    """Along one axis, with zeros beyond the ends: threes, and five threes, in a fifth of the time of a pooling."""
    edge = BLOCK // 2
    padded = F.pad(x, (0, 0, edge, edge) if axis == 2 else (edge, edge))
    length, whole = x.shape[axis], padded.shape[axis]
    threes = sum_of(padded.narrow(axis, start, whole - 2) for start in range(3))
    return sum_of(threes.narrow(axis, start, length) for start in range(0, BLOCK, 3))


def sum_of(parts: Iterator[Tensor]) -> Tensor:
    total = next(parts) + next(parts)
    for part in parts:
        total += part
    return total


def shares(length: int) -> Tensor:
    """How many pixels of the block around each of so many pixels in a row lie within it."""
    place = torch.arange(length)
    return ((place + BLOCK // 2 + 1).clamp(max=length) - (place - BLOCK // 2).clamp(min=0)).float()
