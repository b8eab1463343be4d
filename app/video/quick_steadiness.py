"""Steady strokes for live frames: as for clips, with what motion there is looked for at half of the size.

The motion of small pictures is found nearly as well so, in a third of the time: `benchmarks/quality/video.py` has both.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from app.imaging.picture import Pixels
from app.video.crispness import crisp
from app.video.motion import at_size, found_offsets, inside, light, lit_as, moved
from app.video.steadiness import Keeping, as_pixels, as_tensor

# Of the half size. More steps take longer and find no more.
STEPS = {2: 2, 1: 1, 0: 1}
# The window is one of the half size, too.
KEEPING = Keeping(window=5)


class QuickSteadiness:
    """The frames of a live session in one style, one after the other; a frame of another size begins anew."""

    def __init__(self, keeping: Keeping = KEEPING) -> None:
        self._keeping = keeping
        # The frame before at half of the size, (1, 1, h, w) in levels, and what was shown of its paintings,
        # (n, 3, H, W) in 0..1; both with what was kept from earlier ones.
        self._before: tuple[Tensor, Tensor] | None = None
        # A frame that was given up may still be at it.
        self._lock = threading.Lock()

    def __call__(self, frame: Pixels, paintings: Sequence[Pixels]) -> list[Pixels]:
        """What to show of the next frame's paintings, one for each of its blends, in the same order each time.

        All are (H, W, 3) sRGB of one size. From any thread.
        """
        with self._lock, torch.inference_mode():
            shown = self.add(as_tensor(frame), torch.cat([as_tensor(each) for each in paintings]))
            return [as_pixels(each[None]) for each in shown]

    def add(self, frame: Tensor, painted: Tensor) -> Tensor:
        """The same for (1, 3, H, W) and (n, 3, H, W) in 0..1."""
        seen = F.avg_pool2d(light(frame), 2, ceil_mode=True)
        shown = painted
        if self._before is not None and self._before[1].shape == painted.shape:
            seen_before, shown_before = lit_as(seen, self._before[0]), self._before[1]
            offsets = found_offsets(seen_before, seen, STEPS)
            flow = at_size(offsets, *seen.shape[2:])
            kept = moved(seen_before, flow)
            weight = inside(flow) * self._keeping.weight(seen, kept)
            seen = torch.lerp(seen, kept, weight)
            kept = moved(shown_before, at_size(offsets, *painted.shape[2:]).expand(len(painted), -1, -1, -1))
            shown = torch.lerp(painted, kept, F.interpolate(weight, painted.shape[2:], mode="bilinear"))
        self._before = seen, shown
        return crisp(shown, painted)
