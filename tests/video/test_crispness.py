"""Detail that was lost in a mean comes back, and nothing else does."""

import pytest
import torch

from app.video.crispness import MOST, crisp


def strokes(seed):
    """(1, 3, 48, 64), fine and grey, around a half."""
    drawn = torch.randn(1, 1, 48, 64, generator=torch.Generator().manual_seed(seed))
    return (0.5 + 0.05 * drawn).expand(-1, 3, -1, -1)


def energy(x):
    return x.diff(dim=3).square().mean().item()


def test_a_painting_by_itself_stays_to_the_bit():
    painted = strokes(0)
    assert torch.equal(crisp(painted, painted), painted)


def test_the_mean_of_two_paintings_is_as_crisp_as_one():
    mean = (strokes(0) + strokes(1)) / 2
    assert energy(mean) == pytest.approx(energy(strokes(0)) / 2, rel=0.1)
    found = crisp(mean, strokes(1))
    assert energy(found) == pytest.approx(energy(strokes(1)), rel=0.15)
    # The same strokes, only stronger.
    assert torch.corrcoef(torch.stack([found.flatten(), mean.flatten()]))[0, 1] > 0.97


def test_what_is_crisper_than_the_painting_stays_and_nothing_is_raised_without_bound():
    flat = torch.full((1, 3, 48, 64), 0.5)
    assert torch.equal(crisp(strokes(0), flat), strokes(0))
    faint = flat + (strokes(0) - flat) / 10
    assert (crisp(faint, strokes(0)) - flat).abs().max() <= MOST * (faint - flat).abs().max() + 0.01


def test_each_of_several_paintings_is_as_crisp_as_its_own():
    flat = torch.full((1, 3, 48, 64), 0.5)
    mean = (strokes(0) + strokes(1)) / 2
    found = crisp(torch.cat([mean, mean]), torch.cat([strokes(1), flat]))
    assert torch.equal(found[1:], mean)
    assert torch.allclose(found[:1], crisp(mean, strokes(1)))
