"""The table of the benchmark with a job beside the fast path: what its cells are made of, and both ways to wait."""

from __future__ import annotations

import os

import pytest

from benchmarks.service.job_beside import SLEEPING, WAYS, Measured, measured, rows
from benchmarks.service.loopback import Answer, Load


def answer(began: float, ended: float) -> Answer:
    return Answer(began, ended, 200, {}, 3)


def test_the_pace_of_the_job_is_that_of_the_measured_time() -> None:
    load = Load([answer(10, 11), answer(11, 14)], began=10)
    found = measured(load, iterations=6)
    assert (found.requests, found.p50_ms) == (2, 2000)
    assert found.iterations_a_minute == 90  # six in the four seconds of the load
    assert measured(load).iterations_a_minute is None


def test_each_way_has_a_line_without_and_one_with_a_job_of_the_medians_of_its_rounds() -> None:
    rounds = [
        (Measured(5, 10, 20), Measured(2, 30, 60, 100)),
        (Measured(6, 20, 40), Measured(3, 40, 80, 200)),
        (Measured(7, 40, 60), Measured(4, 200, 400, 300)),
    ]
    assert list(rows({"sleep": rounds})) == [
        ["sleep", "none", "18", "20", "40", "", ""],
        # Ratios of the rounds: 3, 2 and 5.
        ["sleep", "Gatys", "9", "40", "80", "3.00", "200"],
    ]


@pytest.mark.parametrize("name", SLEEPING)
def test_the_first_way_is_the_one_that_the_package_sets(name: str) -> None:
    assert next(iter(WAYS.values())) is SLEEPING
    assert SLEEPING[name] == os.environ[name]
