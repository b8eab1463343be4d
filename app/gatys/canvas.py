"""Pictures as tensors (1, 3, H, W) in 0..1: other sizes, margins for narrow ones, and back to pixels."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from app.gatys.schedule import MIN_EDGE


def resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """`picture` at size (height, width)."""
    if picture.shape[2:] == size:
        return picture.contiguous()
    # Bicubic overshoots at edges.
    return F.interpolate(picture, size, mode="bicubic", antialias=True).clamp(0, 1)


def enlarged(picture: Tensor, start: Tensor, coarse: tuple[int, int], fine: tuple[int, int], detail: float) -> Tensor:
    """`picture` from size `coarse` to `fine`, with `detail` times what `start` has at `fine` and not at `coarse`."""
    larger = F.interpolate(picture, fine, mode="bicubic", antialias=True)
    if not detail:
        return larger
    blurred = F.interpolate(resized(start, coarse), fine, mode="bicubic", antialias=True)
    return larger + detail * (resized(start, fine) - blurred)


def widened(picture: Tensor) -> Tensor:
    """`picture` with edges of at least MIN_EDGE, its last row and column repeated."""
    height, width = picture.shape[2:]
    return F.pad(picture, (0, max(0, MIN_EDGE - width), 0, max(0, MIN_EDGE - height)), mode="replicate")


def crop(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """What `widened` was given, of size (height, width)."""
    return picture[:, :, : size[0], : size[1]]


def pixels(picture: Tensor) -> NDArray[np.uint8]:
    """(1, 3, H, W) in any range -> (H, W, 3), clipped."""
    whole = (picture.detach()[0].clamp(0, 1) * 255).round().byte()
    array: NDArray[np.uint8] = whole.permute(1, 2, 0).contiguous().cpu().numpy()
    return array
