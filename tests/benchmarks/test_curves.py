"""Gatys' descents are computed once, kept in a file, and told apart by all that they depend on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from app.training.equivalent import Curve
from benchmarks.quality.curves import Curves, Descent, Losses
from benchmarks.quality.judge import Judge, Photo

DESCENT = Descent("net", ("relu1_1",), "relu2_2", "painting", 512, "photo", 8, "noise")


@pytest.fixture
def computed():
    return []


@pytest.fixture
def compute(computed):
    def descend(iterations=3):
        computed.append(iterations)
        losses = [1 / (step + 3) for step in range(iterations)]
        return Curve(losses, [loss / 2 for loss in losses], torch.full((1, 3, 6, 8), iterations / 10))

    return descend


def test_a_descent_is_computed_once_and_found_again_in_the_file(tmp_path, compute, computed):
    path = tmp_path / "curves.jsonl"
    first = Curves(path).losses(DESCENT, 3, compute)
    assert first == Losses(3, [pytest.approx(1 / 3), 0.25, 0.2], [pytest.approx(1 / 6), 0.125, 0.1])
    assert Curves(path).losses(DESCENT, 3, compute) == first
    assert computed == [3]


@pytest.mark.parametrize(
    "member", [{"network": "x"}, {"style_layers": ("relu2_1",)}, {"painting": "x"}, {"edge": 9}, {"start": "photo"}]
)
def test_another_descent_is_another_curve(tmp_path, compute, computed, member):
    curves = Curves(tmp_path / "curves.jsonl")
    for descent in (DESCENT, replace(DESCENT, **member)):
        curves.losses(descent, 3, compute)
    assert len(computed) == 2
    assert len(list((tmp_path / "curves").iterdir())) == 2


def test_a_longer_descent_answers_for_a_shorter_one_but_not_the_other_way(tmp_path, compute, computed):
    path = tmp_path / "curves.jsonl"
    for iterations in (3, 5, 4):
        losses = Curves(path).losses(DESCENT, iterations, lambda count=iterations: compute(count))
        assert losses.iterations == len(losses.totals) == len(losses.styles) == iterations
    assert computed == [3, 5]


def test_pictures_are_kept_by_their_iterations(tmp_path, compute, computed):
    curves = Curves(tmp_path / "curves.jsonl")
    for _ in range(2):
        assert curves.picture(DESCENT, 3, compute)[0, 0, 0, 0] == pytest.approx(0.3, abs=1 / 255)
    assert curves.picture(DESCENT, 5, lambda: compute(5)).unique().item() == pytest.approx(0.5, abs=1 / 255)
    assert computed == [3, 5]


def test_half_a_line_of_a_killed_run_costs_one_descent_and_no_other(tmp_path, compute, computed):
    path = tmp_path / "curves.jsonl"
    Curves(path).losses(DESCENT, 3, compute)
    path.write_text(path.read_text()[:-20])
    other = replace(DESCENT, start="photo")
    Curves(path).losses(other, 3, compute)
    curves = Curves(path)
    curves.losses(other, 3, compute)
    assert len(computed) == 2
    curves.losses(DESCENT, 3, compute)
    assert len(computed) == 3


def test_what_is_worth_all_iterations_was_never_beaten():
    losses = Losses(10, [5.0, 3.0, 4.0, 2.0], [0.5, 0.3, 0.4, 0.2])
    assert [losses.worth(total) for total in (6.0, 3.5, 2.0, 1.0)] == [0, 1, 10, 10]
    assert losses.worth_of_style(0.25) == 3


def test_a_judge_knows_one_painting_at_a_time(inputs, random_descriptor):
    """The loss in a style is the same whatever other styles are measured."""
    photo = Photo.read(inputs / "photos" / "zebra.jpg", 48)
    painted = 1 - photo.picture
    device = torch.device("cpu")
    alone, beside = (
        Judge(random_descriptor, inputs / "paintings", styles, device)
        for styles in (["great_wave"], ["great_wave", "starry_night"])
    )
    assert alone.descent(photo, "great_wave", "noise") == beside.descent(photo, "great_wave", "noise")
    flat = torch.full_like(painted, 0.5)
    for picture in (photo.picture, flat):
        one, other = (judge.losses(painted, picture, "great_wave") for judge in (alone, beside))
        assert one.total.item() == pytest.approx(other.total.item(), rel=1e-6)
