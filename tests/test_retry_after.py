"""When clients that were refused come back: not before there is room, not all at once, and not much later."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.errors import Overloaded, TooManyRequests
from app.retry_after import MAX_SPREAD_SECONDS, seconds_to_wait

SECONDS = st.integers(1, 86_400)
CLIENTS = 300


@given(SECONDS, st.integers(0, 2**32))
def test_no_client_comes_back_too_early_or_after_more_than_twice_the_time(seconds: int, seed: int) -> None:
    told = seconds_to_wait(Overloaded(retry_after_seconds=seconds), random.Random(seed).randint)
    assert told is not None
    assert seconds <= told <= min(2 * seconds, seconds + MAX_SPREAD_SECONDS)


@given(SECONDS, st.integers(0, 2**32))
def test_those_that_were_refused_together_come_back_apart(seconds: int, seed: int) -> None:
    """They are spread evenly over all the seconds that are true."""
    source = random.Random(seed)
    refusal = Overloaded(retry_after_seconds=seconds)
    told = Counter(seconds_to_wait(refusal, source.randint) for _ in range(CLIENTS))
    places = 1 + min(seconds, MAX_SPREAD_SECONDS)
    assert len(told) == places
    # Six standard deviations above a place's share.
    assert max(told.values()) < CLIENTS / places + 6 * (CLIENTS / places) ** 0.5


@given(SECONDS)
def test_a_clients_own_limit_is_told_to_the_second(seconds: int) -> None:
    assert seconds_to_wait(TooManyRequests(retry_after_seconds=seconds)) == seconds


def test_nothing_is_made_up() -> None:
    assert seconds_to_wait(Overloaded()) is None
