import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.live.working_edge import MIN_EDGE, STEP, WorkingEdge


def run(edge, asked, seconds_at, frames):
    """The sizes of so many frames, each of which takes `seconds_at(edge)`."""
    sizes = []
    for _ in range(frames):
        sizes.append(edge.of(asked))
        edge.note(asked, sizes[-1], seconds_at(sizes[-1]))
    return sizes


def by_area(seconds_at_512):
    return lambda edge: seconds_at_512 * (edge / 512) ** 2


def test_what_is_fast_enough_is_painted_as_large_as_asked_for():
    assert set(run(WorkingEdge(25), 512, by_area(0.03), 100)) == {512}


def test_a_rate_of_0_holds_the_size_and_not_the_rate():
    assert set(run(WorkingEdge(0), 512, by_area(9), 100)) == {512}


def test_what_is_too_slow_becomes_smaller_until_the_rate_is_held():
    sizes = run(WorkingEdge(25), 512, by_area(0.08), 100)
    assert by_area(0.08)(sizes[-1]) <= 1 / 25
    # No smaller than needed, and it stays there.
    assert by_area(0.08)(sizes[-1] + 2 * STEP) > 0.9 / 25
    assert len(set(sizes[20:])) == 1


def test_when_the_others_have_gone_it_grows_again():
    edge = WorkingEdge(25)
    small = run(edge, 512, by_area(0.2), 100)[-1]
    sizes = run(edge, 512, by_area(0.02), 200)
    assert small < 300
    assert sizes == sorted(sizes)
    assert sizes[-1] == 512


def test_one_slow_frame_changes_nothing():
    edge = WorkingEdge(25)
    run(edge, 512, by_area(0.03), 20)
    edge.note(512, 512, 0.05)
    assert edge.of(512) == 512


def test_what_is_asked_for_small_is_left_so():
    assert set(run(WorkingEdge(60), 100, by_area(9), 50)) == {100}


@given(
    rate=st.floats(0.5, 60),
    asked=st.integers(16, 1024),
    seconds=st.lists(st.floats(0.0001, 2), min_size=1, max_size=200),
)
def test_it_stays_within_bounds_whatever_the_frames_take(rate, asked, seconds):
    edge = WorkingEdge(rate)
    for each in seconds:
        size = edge.of(asked)
        assert min(asked, MIN_EDGE) <= size <= asked
        assert size == asked or size % STEP == 0
        edge.note(asked, size, each)


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.1, 0.3])
def test_it_does_not_swing(seconds):
    sizes = run(WorkingEdge(25), 640, by_area(seconds), 300)
    settled = sizes[100:]
    assert len(set(settled)) == 1
