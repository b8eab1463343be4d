"""A style image's row: what it depends on, where it begins, and how it follows its generator."""

import pytest
import torch

from app.nets.norm import StyleRows
from app.nets.style_encoder import StyleEncoder, strongest_directions

CHANNELS = {"relu1_1": 6, "relu2_1": 8}
FEATURES = 20


@pytest.fixture
def encoder():
    torch.manual_seed(1)
    return StyleEncoder(CHANNELS, FEATURES, rank=3, hidden=16, bottleneck=5).requires_grad_(False)


@pytest.fixture
def rows():
    return some_rows(2)


def some_rows(seed, styles=4):
    rows = StyleRows(styles, FEATURES).requires_grad_(False)
    draw = torch.Generator().manual_seed(seed)
    rows.gamma.copy_(1 + 0.3 * torch.randn(styles, FEATURES, generator=draw))
    rows.beta.copy_(0.2 * torch.randn(styles, FEATURES, generator=draw))
    return rows


def features(height, width, batch=1, seed=3):
    draw = torch.Generator().manual_seed(seed)
    return {
        layer: torch.rand(batch, count, height >> place, width >> place, generator=draw)
        for place, (layer, count) in enumerate(CHANNELS.items())
    }


def test_a_row_does_not_depend_on_the_size_of_the_image(encoder):
    once = features(12, 16)
    tiled = {layer: h.repeat(1, 1, 2, 3) for layer, h in once.items()}
    for one, other in zip(encoder(once), encoder(tiled), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_an_image_has_the_same_row_alone_and_among_others(encoder):
    together = features(8, 8, batch=3)
    for number in range(3):
        alone = encoder({layer: h[number : number + 1] for layer, h in together.items()})
        for one, other in zip(alone, encoder(together), strict=True):
            torch.testing.assert_close(one[0], other[number])


def test_different_images_have_different_rows(encoder):
    one, other = (encoder(features(8, 8, seed=seed))[0] for seed in (3, 4))
    assert (one - other).abs().max() > 1e-3


def test_statistics_are_roots_of_means_deviations_and_products(encoder):
    seen = {"relu1_1": torch.full((1, 6, 4, 4), 4.0), "relu2_1": torch.full((1, 8, 2, 2), 9.0)}
    means, deviations, products = encoder.statistics(seen)[0][: 2 * 6 + 6].split([6, 6, 6])
    assert torch.equal(means, torch.full((6,), 2.0))
    assert torch.equal(deviations, torch.zeros(6))
    assert torch.equal(products, torch.full((6,), 4.0))  # of the first three channels, in which it begins


def test_it_begins_at_the_mean_row(encoder, rows):
    encoder.begin_at(rows)
    gamma, beta = encoder(features(8, 8))
    torch.testing.assert_close(gamma[0], rows.gamma.mean(dim=0))
    torch.testing.assert_close(beta[0], rows.beta.mean(dim=0))


def test_every_known_row_can_be_told_in_a_code(encoder, rows):
    encoder.begin_at(rows)
    wanted = torch.cat([rows.gamma, rows.beta], dim=1) - encoder.middle
    codes = torch.linalg.lstsq(encoder.widen.weight, wanted.mT).solution.mT
    gamma, beta = encoder.row(codes)
    torch.testing.assert_close(gamma, rows.gamma, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(beta, rows.beta, rtol=1e-4, atol=1e-5)


def test_it_follows_rows_that_have_learned_on(encoder, rows):
    encoder.begin_at(rows)
    wanted = torch.cat([rows.gamma, rows.beta], dim=1) - encoder.middle
    codes = torch.linalg.lstsq(encoder.widen.weight, wanted.mT).solution.mT
    after = some_rows(7)
    encoder.move(rows, after)
    gamma, beta = encoder.row(codes)
    torch.testing.assert_close(gamma, after.gamma, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(beta, after.beta, rtol=1e-3, atol=1e-4)


def test_directions_see_as_much_of_each_other_as_of_nothing():
    mixed = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    gram = mixed @ mixed.mT
    directions = strongest_directions(gram, 3)
    torch.testing.assert_close(directions.mT @ gram @ directions, torch.eye(3), rtol=1e-3, atol=1e-4)
    assert strongest_directions(gram, 9).shape == (5, 5)
