import pytest

from app.api.live.seats import DEFAULT_RATE, SURE_RATE, Seats
from app.api.live.working_edge import MIN_EDGE
from app.errors import Overloaded, TooManyRequests

# Of one session at the default rate.
NEED = MIN_EDGE**2 * 0.75 / 1e6 * SURE_RATE


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


def test_as_many_are_admitted_as_are_sure_of_a_moving_picture_in_lives_share_of_the_engine():
    seats = make(share=0.5, speed=6.5 * NEED)
    for _ in range(3):
        seats.take("a")
    with pytest.raises(Overloaded, match="beside 3: connect again when one of them has ended"):
        seats.take("a")


def test_two_sessions_share_two_cores():
    # Measured on two cores with AVX-512: 15.2 pictures of 384 x 288 a second.
    seats = make(share=0.5, speed=15.2 * 384 * 288 / 1e6)
    seats.take("a")
    seats.take("b")


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
    slow = seats.take("a")
    seats.change_rate(slow, SURE_RATE / 4)
    others = [seats.take("a") for _ in range(3)]
    with pytest.raises(Overloaded, match=r"keep `rate` at 2\.5"):
        seats.change_rate(slow, SURE_RATE)
    assert slow.rate == SURE_RATE / 4
    # Beyond what they are sure of, they share what there is.
    seats.change_rate(others[0], 60)
    seats.change_rate(others[0], DEFAULT_RATE)
    seats.leave(others[0])
    seats.change_rate(slow, SURE_RATE)


def test_a_session_without_a_rate_counts_like_one_of_the_default():
    seats = make(share=0.5, speed=4.5 * NEED)
    seats.change_rate(seats.take("a"), 0)
    seats.take("b")
    with pytest.raises(Overloaded):
        seats.take("c")
