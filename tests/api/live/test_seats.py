import pytest

from app.api.live.seats import DEFAULT_RATE, Seats
from app.api.live.working_edge import MIN_EDGE
from app.errors import Overloaded, TooManyRequests

# Of one session at the default rate.
NEED = MIN_EDGE**2 * 0.75 / 1e6 * DEFAULT_RATE


def make(sessions=10, each=10, share=0.5, speed=1000.0):
    return Seats(sessions, each, share, lambda: speed)


def test_each_principal_has_so_many_and_others_have_theirs():
    seats = make(each=2)
    first = seats.take("a")
    seats.take("a")
    with pytest.raises(TooManyRequests) as refused:
        seats.take("a")
    assert refused.value.retry_after_seconds
    seats.take("b")
    seats.leave(first)
    seats.take("a")


def test_there_are_so_many_in_all():
    seats = make(sessions=2)
    first = seats.take("a")
    seats.take("b")
    with pytest.raises(Overloaded):
        seats.take("c")
    seats.leave(first)
    seats.leave(first)
    seats.take("c")
    assert len(seats) == 2


def test_as_many_are_admitted_as_hold_their_rate_in_lives_share_of_the_engine():
    seats = make(share=0.5, speed=6.5 * NEED)
    for _ in range(3):
        seats.take("a")
    with pytest.raises(Overloaded, match="too slow"):
        seats.take("a")


def test_the_first_is_admitted_however_slow_the_engine_looks():
    seats = make(speed=0.001)
    seats.take("a")
    with pytest.raises(Overloaded):
        seats.take("a")


def test_before_the_first_measurement_all_are_admitted():
    seats = make(speed=None)
    seats.take("a")
    seats.take("a")


def test_a_higher_rate_is_admitted_like_a_session_and_refused_without_a_change():
    seats = make(share=0.5, speed=6.5 * NEED)
    seat = seats.take("a")
    seats.take("b")
    with pytest.raises(Overloaded):
        seats.change_rate(seat, 60)
    assert seat.rate == DEFAULT_RATE
    seats.change_rate(seat, 40)
    with pytest.raises(Overloaded):
        seats.take("c")
    seats.change_rate(seat, 5)
    seats.take("c")


def test_a_session_without_a_rate_counts_like_one_of_the_default():
    seats = make(share=0.5, speed=4.5 * NEED)
    seats.change_rate(seats.take("a"), 0)
    seats.take("b")
    with pytest.raises(Overloaded):
        seats.take("c")
