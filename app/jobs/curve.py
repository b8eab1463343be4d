"""The loss curve of a job, in bounded memory however many iterations it has."""

from __future__ import annotations

from collections.abc import Iterable

from app.jobs.job import LossPoint

# A plot shows no more. All points are in the job's JSON, and are written by every heartbeat that has a new one.
MAX_POINTS = 100
# More digits than any comparison of losses needs.
DIGITS = 5


class LossCurve:
    """Points in the order of their iterations, the first and the newest among them."""

    def __init__(self, points: Iterable[LossPoint] = ()) -> None:
        self._points = [dict(point) for point in points]
        self._stride = 1
        self._since = 1

    @property
    def points(self) -> list[dict[str, float]]:
        return list(self._points)

    def add(self, iteration: int, losses: LossPoint) -> None:
        """Add a point. What lies at or after its iteration came from work that is being repeated, and goes."""
        before = len(self._points)
        while self._points and self._points[-1]["iteration"] >= iteration:
            self._points.pop()
        # The next point replaces the newest one unless that is one to keep.
        if len(self._points) == before and before > 1 and self._since < self._stride:
            self._points.pop()
            self._since += 1
        else:
            self._since = 1
        rounded = {name: float(f"{value:.{DIGITS}g}") for name, value in losses.items()}
        self._points.append({"iteration": iteration, **rounded})
        if len(self._points) > MAX_POINTS:
            self._points = self._points[:-1:2] + self._points[-1:]
            self._stride *= 2
