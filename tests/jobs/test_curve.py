"""A loss curve stays small and keeps its shape, and goes on where work is repeated."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.jobs.curve import MAX_POINTS, LossCurve


def iterations(curve: LossCurve) -> list[float]:
    return [point["iteration"] for point in curve.points]


def test_a_short_curve_has_every_point() -> None:
    curve = LossCurve()
    for iteration in range(1, 11):
        curve.add(iteration, {"total": 1 / iteration})
    assert curve.points[0] == {"iteration": 1, "total": 1.0}
    assert iterations(curve) == list(range(1, 11))


@given(st.integers(1, 5000))
def test_a_long_curve_is_thinned_evenly_between_its_first_and_its_newest_point(length: int) -> None:
    curve = LossCurve()
    for iteration in range(1, length + 1):
        curve.add(iteration, {})
    found = iterations(curve)
    assert (found[0], found[-1]) == (1, length)
    assert len(found) <= MAX_POINTS
    gaps = [after - before for before, after in pairwise(found[:-1])]
    assert max(gaps, default=1) <= 4 * max(1, length / MAX_POINTS)


def test_what_is_done_again_after_a_checkpoint_replaces_what_was() -> None:
    curve = LossCurve([{"iteration": 1, "total": 9.0}, {"iteration": 2, "total": 8.0}, {"iteration": 3, "total": 7.0}])
    curve.add(2, {"total": 8.5})
    assert curve.points == [{"iteration": 1, "total": 9.0}, {"iteration": 2, "total": 8.5}]


@given(st.lists(st.integers(1, 60), max_size=200))
def test_iterations_rise_whatever_is_added(added: list[int]) -> None:
    curve = LossCurve()
    for iteration in added:
        curve.add(iteration, {})
        assert iterations(curve) == sorted(set(iterations(curve)))
        assert iterations(curve)[-1] == iteration
