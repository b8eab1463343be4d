"""Whether figures lie on a straight line, and on which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """The least squares through some points.

    Attributes:
        slope, start: y = start + slope x.
        r_squared: the part of the variance of y that it explains; 1 is a straight line, and what is flat has any value.
        spread: the largest y less the smallest, over their mean; 0 is flat.
    """

    slope: float
    start: float
    r_squared: float
    spread: float

    def at(self, x: float) -> float:
        return self.start + self.slope * x


def straight_line(x: Sequence[float], y: Sequence[float]) -> Line:
    """Raises ValueError for fewer than two different x."""
    if len(set(x)) < 2:
        raise ValueError("a line needs two different points")
    across, up = np.asarray(x, float), np.asarray(y, float)
    slope, start = np.polyfit(across, up, 1)
    variance = float(((up - up.mean()) ** 2).sum())
    left = float(((up - start - slope * across) ** 2).sum())
    explained = 1 - left / variance if variance else 1.0
    return Line(float(slope), float(start), explained, float(np.ptp(up) / up.mean()) if up.mean() else 0.0)
