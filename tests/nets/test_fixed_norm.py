"""Norms with given statistics: the same picture as with the generator's own, and parts of it alone."""

import pytest
import torch
from test_generators import NARROW, random_rows

from app.nets.fixed_norm import folded, measured
from app.nets.generators import Compact, Johnson, Paper, pad_to_multiple
from app.nets.norm import BatchNorm

NETWORKS = NARROW | {"johnson with batch norm": lambda: Johnson((4, 6), 1, norm="batch")}


def built(make, seed=0):
    torch.manual_seed(seed)
    generator = make().eval().requires_grad_(False)
    for module in generator.modules():
        if isinstance(module, BatchNorm):
            module.mean.normal_(0, 0.2)
            module.variance.uniform_(0.2, 0.6)
    return generator, random_rows(generator)(torch.tensor([0]))


def padded(generator, x):
    return pad_to_multiple(x, generator.multiple, generator.smallest, generator.margin)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_with_its_own_statistics_a_picture_is_painted_as_before(make):
    generator, (gamma, beta) = built(make)
    x = torch.rand(1, 3, 70, 50)
    fixed = folded(generator, measured(generator, padded(generator, x), gamma, beta), gamma, beta)
    painted = fixed(x, gamma, beta)
    assert torch.allclose(painted, generator(x, gamma, beta), atol=1e-4)
    assert painted.std() > 0.05
    # The style is in the weights now.
    assert torch.equal(fixed(x, gamma + 1, beta - 1), painted)


def test_the_generator_itself_stays_as_it_is():
    generator, (gamma, beta) = built(NARROW["compact with a margin"])
    x = torch.rand(1, 3, 48, 48)
    before = generator(x, gamma, beta)
    folded(generator, measured(generator, padded(generator, x), gamma, beta), gamma, beta)
    assert torch.equal(generator(x, gamma, beta), before)


def test_parts_are_measured_together():
    """A picture of two halves, each painted as if the other did not exist, has the statistics of both."""
    generator, (gamma, beta) = built(NARROW["compact"])
    halves = torch.rand(2, 3, 32, 32) * torch.tensor([1.0, 0.2])[:, None, None, None]
    together = measured(generator, halves, gamma, beta)
    alone = [measured(generator, half[None], gamma, beta) for half in halves]
    width = generator.widths[0]  # further in, what one half is given depends on the other
    mean = sum(moments.mean for moments in alone) / 2
    variance = sum(moments.variance + moments.mean**2 for moments in alone) / 2 - mean**2
    assert torch.allclose(together.mean[:width], mean[:width], atol=1e-6)
    assert torch.allclose(together.variance[:width], variance[:width], atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Compact((4, 8), 1, 4),
        lambda: Compact((4, 8), 2, 4, deep=(6, 10)),
        lambda: Compact((4, 8), 0, 4, deep=(6,)),
        lambda: Paper((4, 6, 8), 2),
        lambda: Paper((4,), 1),
    ],
)
def test_the_reach_is_the_farthest_pixel_that_counts(make):
    generator, (gamma, beta) = built(make)
    fixed = folded(generator, measured(generator, torch.rand(1, 3, 64, 64), gamma, beta), gamma, beta).double()
    edge = 2 * -(-generator.reach // 64) * 64 + 64
    places = range(edge // 2, edge // 2 + generator.multiple)
    with torch.enable_grad():
        x = torch.rand(1, 3, edge, edge, dtype=torch.double, requires_grad=True)
        painted = fixed(x, gamma.double(), beta.double())
        farthest = 0
        for place in places:
            (slope,) = torch.autograd.grad(painted[0, :, place, edge // 2].sum(), x, retain_graph=True)
            rows = slope.abs().sum(dim=(0, 1, 3)).nonzero().squeeze(1)
            farthest = max(farthest, place - int(rows[0]), int(rows[-1]) - place)
    assert farthest <= generator.reach
    # A bound may be larger by what the strides round.
    assert farthest > generator.reach - 2 * generator.multiple
