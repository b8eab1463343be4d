"""Coarse to fine: which sizes a transfer goes through, and how far along it is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from app.gatys.options import GatysOptions

# The deepest layer in use lies behind four poolings, and mirror padding needs 2 positions there.
MIN_EDGE = 32


@dataclass(frozen=True)
class Stage:
    """Some iterations at one size, height x width in pixels; `scale` is their share of the full size's edges."""

    scale: float
    height: int
    width: int
    iterations: int

    @property
    def cost(self) -> int:
        """Pixels computed; an iteration's time is proportional to its picture's."""
        return self.height * self.width * self.iterations


class ScaleSchedule:
    """The stages of a picture of height x width, both at least MIN_EDGE.

    A scale that would be smaller than MIN_EDGE is left out, and so are the coarsest ones when there are fewer
    iterations than scales.
    """

    def __init__(self, height: int, width: int, options: GatysOptions) -> None:
        scales = [0.5**octave for octave in reversed(range(min(options.scales, options.iterations)))]
        sizes = [(scale, round(height * scale), round(width * scale)) for scale in scales]
        sizes = [size for size in sizes if min(size[1:]) >= MIN_EDGE]
        counts = shared_out(options.iterations, len(sizes))
        self.stages = [Stage(*size, count) for size, count in zip(sizes, counts, strict=True)]
        self.ends = [cost / self.cost for cost in accumulate(stage.cost for stage in self.stages)]

    @property
    def cost(self) -> int:
        return sum(stage.cost for stage in self.stages)

    def share(self, index: int, iterations: int) -> float:
        """The share of the whole cost, 0..1, that is behind after `iterations` of stage `index`."""
        stage = self.stages[index]
        begin = self.ends[index - 1] if index else 0.0
        return begin + (self.ends[index] - begin) * iterations / stage.iterations

    def iterations_after(self, index: int) -> int:
        """Iterations of all stages behind stage `index`."""
        return sum(stage.iterations for stage in self.stages[index + 1 :])


def shared_out(iterations: int, scales: int) -> list[int]:
    """Half of the iterations for the final size, the others in equal shares for the coarser ones."""
    if scales == 1:
        return [iterations]
    coarse = max(scales - 1, iterations // 2)
    share, rest = divmod(coarse, scales - 1)
    return [share + (index < rest) for index in range(scales - 1)] + [iterations - coarse]
