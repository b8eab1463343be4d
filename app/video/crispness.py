"""Strokes that are as crisp as they were painted, after those of several frames were laid over one another.

Where motion cannot be found, as on even surfaces, strokes of several frames do not lie on one another, and their mean
is soft. Its fine detail is raised until it is as strong as in the painting at hand. What is kept for the next frame
stays as it is: raised again and again, the detail becomes a pattern of dots.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# At most so much: more would be noise.
MOST = 2.0
# Added to the energies, in squares of 0..1: what an eighth of a level has.
FLOOR = 1e-6


def crisp(shown: Tensor, painted: Tensor) -> Tensor:
    """`shown` with the fine detail of its light as strong as that of `painted`, both (B, 3, H, W) in 0..1.

    It may come to be a little more or less than that.
    """
    lights = torch.cat([shown.mean(1, keepdim=True), painted.mean(1, keepdim=True)])
    detail = lights - block_sums(lights, threes, 1) / 9
    there, wanted = (block_sums(detail.square(), nines, 4) / 81 + FLOOR).chunk(2)
    gain = (wanted / there).sqrt().clamp(1, MOST)
    return shown + (gain - 1) * detail[: len(shown)]


def block_sums(x: Tensor, sums: Callable[[Tensor, int], Tensor], edge: int) -> Tensor:
    """Sums over the blocks around each pixel, `edge` pixels to each side, as if the edges went on."""
    return sums(sums(F.pad(x, (edge, edge, edge, edge), mode="replicate"), 2), 3)


def threes(x: Tensor, axis: int, step: int = 1) -> Tensor:
    """Of three values in a row that are `step` apart."""
    length = x.shape[axis] - 2 * step
    return x.narrow(axis, 0, length) + x.narrow(axis, step, length) + x.narrow(axis, 2 * step, length)


def nines(x: Tensor, axis: int) -> Tensor:
    """Of nine values in a row."""
    return threes(threes(x, axis), axis, 3)
