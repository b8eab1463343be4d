import pytest
import torch
import torch.nn.functional as F

from app.training.distillation import EXACT_LAYERS, LAYERS, compare, unit_teacher, untrained_slim
from app.training.layer_fit import fit, most_telling, pixels, rectified_least_squares

EXACT, DEEP = (3, 4, 5, 5, 5), (2, 3, 4, 6, 6)


def network(widths, heads=(), seed=0):
    return untrained_slim(widths, dict.fromkeys(heads, 10), seed).requires_grad_(False)


def noise(seed, *shape):
    """Smooth enough that pooled layers still see something."""
    fine = torch.rand(*shape, generator=torch.Generator().manual_seed(seed))
    return (F.interpolate(fine[..., ::4, ::4], shape[-2:], mode="bilinear") + fine / 2) / 1.5


@pytest.fixture(scope="module")
def batches():
    return [noise(seed, 4, 3, 96, 96) for seed in range(6)]


@pytest.fixture(scope="module")
def teacher(batches):
    return unit_teacher(network(EXACT, seed=1), network(DEEP, ("relu4_1", "relu5_1"), seed=2), batches[0])


def slim_for(teacher, widths):
    heads = {layer: feature.shape[1] for layer, feature in teacher(torch.zeros(1, 3, 32, 32)).items()}
    return untrained_slim(widths, heads, 3).requires_grad_(False)


def test_a_network_with_room_for_all_channels_takes_over_all_of_its_teacher(teacher, batches):
    slim = slim_for(teacher, [a + b for a, b in zip(EXACT, DEEP, strict=True)])
    fit(slim, teacher, batches, torch.Generator().manual_seed(0))
    agreements = compare(slim, teacher, [noise(100 + seed, 1, 3, 64, 80) for seed in range(3)])
    for layer, agreement in agreements.items():
        assert agreement.r2 > 0.97, layer


def test_a_narrow_network_explains_more_than_random_features_behind_the_same_heads(teacher, batches):
    widths = [a + b - 2 for a, b in zip(EXACT, DEEP, strict=True)]
    fitted, headed = slim_for(teacher, widths), slim_for(teacher, widths)
    fit(fitted, teacher, batches, torch.Generator().manual_seed(0))
    for layer in LAYERS:
        fitted_head = rectified_least_squares(*at_all_places(headed, teacher, batches, layer))
        headed.heads[layer].weight[:] = fitted_head[:-1].T[..., None, None]
        headed.heads[layer].bias[:] = fitted_head[-1]
    unseen = [noise(100 + seed, 1, 3, 64, 80) for seed in range(3)]
    better, worse = compare(fitted, teacher, unseen), compare(headed, teacher, unseen)
    for layer in EXACT_LAYERS[2:]:
        assert better[layer].r2 > worse[layer].r2 + 0.05, layer


def at_all_places(slim, teacher, batches, layer):
    flat = [pixels(h) for b in batches for h in (slim(b, [layer])[layer], teacher.goals(teacher.channels(b))[layer])]
    return F.pad(torch.cat(flat[::2]), (0, 1), value=1.0), torch.cat(flat[1::2])


def test_channels_that_no_channel_of_the_teacher_is_left_for_keep_their_weights(teacher, batches):
    wide = slim_for(teacher, [a + b + 3 for a, b in zip(EXACT, DEEP, strict=True)])
    before = wide.convolutions["1_1"].weight.clone()
    fit(wide, teacher, batches, torch.Generator().manual_seed(0))
    after = wide.convolutions["1_1"].weight
    assert torch.equal(after[-3:], before[-3:])
    assert not torch.isclose(after[:-3], before[:-3]).all(dim=3).any()


def test_the_best_variables_are_those_that_the_others_follow_from():
    a, b, c = torch.randn(3, 5000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    variables = torch.stack([a + 0.1 * c, a, b, a + b, 2 * a])
    covariance, alike = torch.cov(variables), torch.ones(5, dtype=torch.float64)
    # By definition: what a regression on each of them leaves of all.
    left = [(covariance.diagonal() - covariance[i].square() / covariance[i, i]).sum().item() for i in range(5)]
    assert left[most_telling(covariance, alike, 1)[0]] == pytest.approx(min(left))
    chosen = most_telling(covariance, alike, 5)
    assert len(chosen) == 3  # there is nothing in the others that is not in these
    assert 0 in chosen  # the only one with c
    assert torch.linalg.matrix_rank(covariance[chosen][:, chosen]) == 3
    assert most_telling(covariance, torch.tensor([0, 0, 1, 0, 0], dtype=torch.float64), 1) == [2]


def test_least_squares_with_a_rectifier_find_weights_that_explain_everything():
    random = torch.Generator().manual_seed(0)
    x, weights = torch.randn(4000, 6, generator=random), torch.randn(6, 3, generator=random)
    torch.testing.assert_close(rectified_least_squares(x, x @ weights), weights, rtol=1e-3, atol=1e-3)


def test_least_squares_with_a_rectifier_do_better_than_without():
    random = torch.Generator().manual_seed(1)
    x = torch.randn(4000, 6, generator=random)
    z = (x[:, :4] @ torch.randn(4, 3, generator=random)).clamp_min(0) * 3 - torch.rand(4000, 3, generator=random)
    plain = torch.linalg.lstsq(x, z).solution
    error, error_of_plain = ((F.relu(x @ w) - F.relu(z)).square().sum() for w in (rectified_least_squares(x, z), plain))
    assert error < 0.9 * error_of_plain
