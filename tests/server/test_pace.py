"""When a transfer is too slow."""

from app.server.pace import Pace


def test_so_many_seconds_of_silence_are_too_slow_whatever_came_before():
    pace = Pace(20, 1000, now=100)
    assert not pace.too_slow(101, 5_000_000)
    assert not pace.too_slow(120.9, 5_000_000)
    assert pace.too_slow(121, 5_000_000)


def test_less_than_the_rate_is_too_slow_at_the_end_of_the_measure():
    pace = Pace(20, 1000, now=0)
    counts = [999 * second for second in range(1, 21)]
    assert [pace.too_slow(second, count) for second, count in enumerate(counts, 1)] == [False] * 19 + [True]


def test_the_rate_itself_is_enough_for_ever():
    pace = Pace(20, 1000, now=0)
    assert not any(pace.too_slow(second, 1000 * second) for second in range(1, 1000))


def test_what_rests_has_all_of_its_time_when_it_goes_on():
    pace = Pace(20, 1000, now=0)
    pace.rest(500, 10)
    assert not pace.too_slow(519, 10)
    assert pace.too_slow(520, 10)


def test_who_is_behind_is_told_long_before_it_is_too_late_whatever_came_before():
    pace = Pace(20, 1000, now=0)
    assert not pace.too_slow(1.9, 5_000_000)
    assert not pace.behind
    assert not pace.too_slow(2, 5_000_000)
    assert not pace.behind
    assert not pace.too_slow(4, 5_001_999)
    assert pace.behind
    assert not pace.too_slow(6, 5_003_999)
    assert not pace.behind
    pace.too_slow(8, 5_003_999)
    assert pace.behind
    pace.rest(9, 5_003_999)
    assert not pace.behind
