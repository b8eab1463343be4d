"""Motion between two frames, by the method of Lucas and Kanade (1981) from coarse to fine."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Halvings of the size at which motion is looked for, the coarsest first, with the steps at each. With three steps at
# each, the mean error is 0.1 pixels on a pan and a zoom; with blocks of 7 pixels, or down to half of the size only, it
# is 0.2 to 0.5. A step at the whole size takes most of the time, and more than one gains little.
STEPS = {3: 3, 2: 3, 1: 3, 0: 1}
BLOCK = 15  # pixels of a level, in which all is taken to move alike
# Where the gradients' energy, in levels squared a pixel, is below this, the coarser level's motion stands: a camera's
# noise has about 1 at half of the size.
FLAT = 4.0


def grid(height: int, width: int) -> Tensor:
    """Positions of the pixels' centres, (H, W, 2) in -1..1: x and y."""
    y = (torch.arange(height) * 2 + 1) / height - 1
    x = (torch.arange(width) * 2 + 1) / width - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), 2)


def moved(picture: Tensor, flow: Tensor) -> Tensor:
    """The picture (1, C, H, W) with the values that are at `flow` (1, H, W, 2)."""
    return F.grid_sample(picture, flow, "bicubic", "border", align_corners=False)


def found_flow(before: Tensor, frame: Tensor) -> Tensor:
    """Where each pixel of `frame` was `before`, both (1, 3, H, W) in 0..1: (1, H, W, 2) as `grid_sample` takes it."""
    lights = [255 * each.mean(1, keepdim=True) for each in (before, frame)]
    offsets = torch.zeros(1, 2, 1, 1)
    for level, steps in STEPS.items():
        small_before, small_frame = (F.avg_pool2d(light, 2**level, ceil_mode=True) for light in lights)
        offsets = F.interpolate(offsets, small_frame.shape[2:], mode="bilinear")
        for _ in range(steps):
            offsets = offsets + step_towards(small_before, small_frame, offsets)
    wide = F.interpolate(offsets, frame.shape[2:], mode="bilinear")
    return grid(*frame.shape[2:])[None] + wide.permute(0, 2, 3, 1)


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
    """Means over the blocks around each pixel, of what lies within the picture; an axis at a time, which is faster."""
    x = F.avg_pool2d(x, (BLOCK, 1), 1, (BLOCK // 2, 0), count_include_pad=False)
    return F.avg_pool2d(x, (1, BLOCK), 1, (0, BLOCK // 2), count_include_pad=False)
