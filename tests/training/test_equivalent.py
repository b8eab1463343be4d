"""The Gatys-equivalent counts the iterations that were not enough."""

import torch
from tiny_training import make_trainer

from app.training.equivalent import eight_bit, first_below, gatys, judged, uniform_noise


def photo():
    return torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(1))


def test_the_count_is_of_the_evaluations_before_the_first_better_one():
    assert first_below([5.0, 4.0, 3.0], 4.0) == 2
    assert first_below([5.0], 6.0) == 0


def test_what_gatys_never_reaches_counts_all_evaluations():
    assert first_below([5.0, 4.0, 3.0], 1.0) == 3


def test_gatys_stops_as_soon_as_its_total_is_below_the_goal(inputs):
    objective = make_trainer(inputs).objective
    # The layout of an array from a picture file, (H, W, 3).
    start = photo().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    whole = gatys(objective, photo(), 0, start, 12)
    assert len(whole.totals) == len(whole.styles) == 12
    short = gatys(objective, photo(), 0, start, 12, goal=whole.totals[6])
    assert short.totals == whole.totals[: len(short.totals)]
    assert len(short.totals) < 12
    assert min(short.totals[:-1]) >= whole.totals[6] > short.totals[-1]
    assert abs(judged(objective, short.best, photo(), 0).total.item() - short.totals[-1]) < 1e-5


def test_gatys_keeps_its_best_picture_and_leaves_the_start_alone(inputs):
    objective = make_trainer(inputs).objective
    start = uniform_noise(photo())
    curve = gatys(objective, photo(), 1, start, 8)
    best = judged(objective, curve.best, photo(), 1).total.item()
    assert abs(best - min(curve.totals)) < 1e-5
    assert torch.equal(start, uniform_noise(photo()))


def test_noise_is_the_same_every_time_and_within_the_picture_range():
    noise = uniform_noise(photo())
    assert torch.equal(noise, uniform_noise(photo()))
    assert 0 <= noise.min() < noise.max() <= 1


def test_eight_bits_hold_the_values_of_a_file():
    assert eight_bit(torch.tensor([-0.1, 0.5, 1.2])).tolist() == torch.tensor([0.0, 128 / 255, 1.0]).tolist()


def test_a_picture_is_judged_without_what_a_training_adds(inputs):
    objective = make_trainer(inputs, grid_weight=9.0).objective
    picture = uniform_noise(photo())
    found, trained = judged(objective, picture, photo(), 1), objective(picture, photo(), torch.tensor([1]))
    assert (found.style, found.content) == (trained.style, trained.content)
    assert found.total.item() == (found.style + objective.content_weight * found.content).item() < trained.total.item()
