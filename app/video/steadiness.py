"""Painted clips that do not shimmer: where a frame shows the same as the one before, what was painted stays.

A generator makes something else of every noise of the camera. What moves is followed (see `motion`), so that its
strokes move with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from app.imaging.picture import Pixels
from app.video.crispness import crisp
from app.video.motion import found_flow, inside, light, lit_as, moved

# Of the share that may be kept: where less than this is kept in the mean, the frame is one of another scene.
SAME_SCENE = 0.1


@dataclass(frozen=True)
class Keeping:
    """How much of what was painted before is kept at each pixel.

    Attributes:
        share: the most, where nothing has changed.
        same, other: mean differences over `window` pixels, in levels, below which nothing has changed, and above which
            all has; both count from what a shift by `slack` pixels makes of the gradients there.
    """

    share: float = 0.85
    same: float = 3.0
    other: float = 10.0
    slack: float = 0.5
    window: int = 9

    def weight(self, frame: Tensor, before: Tensor) -> Tensor:
        """(1, 1, H, W), from the light of the frame and of the one before in its place, (1, 1, H, W) in levels."""
        steps = F.pad(frame.diff(dim=2).abs(), (0, 0, 0, 1)) + F.pad(frame.diff(dim=3).abs(), (0, 1))
        difference = (frame - before).abs() - self.slack * steps
        near = F.avg_pool2d(difference, self.window, 1, self.window // 2, count_include_pad=False)
        weight = self.share * ((self.other - near) / (self.other - self.same)).clamp(0, 1)
        return weight if weight.mean() >= SAME_SCENE * self.share else torch.zeros_like(weight)


class Steadiness:
    """The frames of one clip, one after the other."""

    def __init__(self, keeping: Keeping | None = None) -> None:
        self._keeping = keeping or Keeping()
        # The frame before and what was shown of it, both with what was kept from earlier ones: (1, 6, H, W).
        self._before: Tensor | None = None

    @property
    def state(self) -> Tensor | None:
        """What the next frame depends on: given to `resume`, it is shown as if there had been no break."""
        return self._before

    def resume(self, state: Tensor | None) -> None:
        """Go on behind the frames that have led to `state`."""
        self._before = state

    @torch.inference_mode()
    def __call__(self, frame: Pixels, painted: Pixels) -> Pixels:
        """What to show of the next frame and its painting, both (H, W, 3) sRGB of one size."""
        return as_pixels(self.add(as_tensor(frame), as_tensor(painted)))

    def add(self, frame: Tensor, painted: Tensor, flow: Tensor | None = None) -> Tensor:
        """The same for (1, 3, H, W) in 0..1.

        Args:
            flow: as `found_flow` has it, where it is known.
        """
        new = torch.cat([frame, painted], 1)
        if self._before is not None and self._before.shape == new.shape:
            seen = lit_as(frame, self._before[:, :3])
            flow = found_flow(seen, frame) if flow is None else flow
            kept = moved(torch.cat([seen, self._before[:, 3:]], 1), flow)
            new = torch.lerp(new, kept, inside(flow) * self._keeping.weight(light(frame), light(kept[:, :3])))
        self._before = new
        return crisp(new[:, 3:], painted)


def as_tensor(pixels: Pixels) -> Tensor:
    """(H, W, 3) -> (1, 3, H, W) in 0..1"""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].float() / 255


def as_pixels(x: Tensor) -> Pixels:
    """(1, 3, H, W) in 0..1, which is a little more or less -> (H, W, 3)"""
    rounded = (x[0] * 255).round_().clamp_(0, 255).byte()
    return np.ascontiguousarray(rounded.permute(1, 2, 0).numpy())
