"""The losses by the equations of the papers, with loops in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.losses import (
    balanced_content_loss,
    balanced_style_loss,
    border_step,
    content_loss,
    gram,
    grid_energy,
    halo_step,
    masked_mean,
    mean_gram,
    power_spectrum,
    reached,
    relief,
    shared_relief,
    spectrum_excess,
    style_loss,
)

SHAPES = st.tuples(*(st.integers(1, high) for high in (3, 4, 5, 5)))
SEEDS = st.integers(0, 2**31)
loops = settings(max_examples=20, deadline=None)


def features(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def gram_by_hand(F):
    """1508.06576, equation 3: G_ij = sum_k F_ik F_jk, for one sample (C, H, W)."""
    N = F.shape[0]
    flat = [F[i].reshape(-1) for i in range(N)]
    return np.array([[sum(a * b for a, b in zip(flat[i], flat[j], strict=True)) for j in range(N)] for i in range(N)])


@loops
@given(shape=SHAPES, seed=SEEDS)
def test_gram_is_equation_3(shape, seed):
    F = features(seed, *shape)
    expected = np.stack([gram_by_hand(sample) for sample in F])
    np.testing.assert_allclose(gram(torch.from_numpy(F)).numpy(), expected, atol=1e-12)
    positions = shape[2] * shape[3]
    np.testing.assert_allclose(mean_gram(torch.from_numpy(F)).numpy(), expected / positions, atol=1e-12)


@loops
@given(shape=SHAPES, seed=SEEDS)
def test_content_loss_is_equation_1(shape, seed):
    F, P = features(seed, *shape), features(seed + 1, *shape)
    expected = [sum((f - p) ** 2 for f, p in zip(F[b].flat, P[b].flat, strict=True)) / 2 for b in range(shape[0])]
    np.testing.assert_allclose(content_loss(torch.from_numpy(F), torch.from_numpy(P)).numpy(), expected)


@loops
@given(shape=SHAPES, other=st.tuples(st.integers(1, 5), st.integers(1, 5)), seed=SEEDS)
def test_style_loss_is_equation_4_for_pictures_of_any_two_sizes(shape, other, seed):
    F, S = features(seed, *shape), features(seed + 1, *shape[:2], *other)
    N, M_x, M_a = shape[1], shape[2] * shape[3], other[0] * other[1]
    expected = []
    for f, s in zip(F, S, strict=True):
        G, A = gram_by_hand(f), gram_by_hand(s)
        expected.append(sum((G[i, j] / M_x - A[i, j] / M_a) ** 2 for i in range(N) for j in range(N)) / (4 * N**2))
    loss = style_loss(gram(torch.from_numpy(F)), gram(torch.from_numpy(S)), M_x, M_a)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-9, atol=1e-15)


def test_style_loss_is_the_papers_own_where_both_pictures_have_one_size():
    F, S = features(0, 1, 3, 4, 6), features(1, 1, 3, 4, 6)
    G, A = gram_by_hand(F[0]), gram_by_hand(S[0])
    N, M = 3, 24
    expected = ((G - A) ** 2).sum() / (4 * N**2 * M**2)
    loss = style_loss(torch.from_numpy(G)[None], torch.from_numpy(A)[None], M, M)
    assert loss.item() == pytest.approx(expected)


@loops
@given(shape=SHAPES, seed=SEEDS)
def test_balanced_losses_are_shares_of_the_targets_energy(shape, seed):
    F, P = features(seed, *shape), features(seed + 1, *shape)
    G, A = (np.stack([gram_by_hand(sample) for sample in each]) for each in (F, P))
    content = balanced_content_loss(torch.from_numpy(F), torch.from_numpy(P)).numpy()
    style = balanced_style_loss(torch.from_numpy(G), torch.from_numpy(A)).numpy()
    for b in range(shape[0]):
        assert content[b] == pytest.approx(((F[b] - P[b]) ** 2).sum() / (P[b] ** 2).sum())
        assert style[b] == pytest.approx(((G[b] - A[b]) ** 2).sum() / (A[b] ** 2).sum())


def test_balanced_losses_are_0_at_the_target_and_1_at_nothing():
    P = torch.from_numpy(features(0, 2, 3, 4, 4))
    A = mean_gram(P)
    for loss, target in ((balanced_content_loss, P), (balanced_style_loss, A)):
        torch.testing.assert_close(loss(target, target), torch.zeros(2, dtype=torch.float64))
        torch.testing.assert_close(loss(torch.zeros_like(target), target), torch.ones(2, dtype=torch.float64))


def test_balanced_losses_of_a_target_without_energy_are_finite():
    P, F = torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 3, 3)
    assert balanced_content_loss(F, P).isfinite().all()
    assert balanced_style_loss(mean_gram(F), mean_gram(P)).isfinite().all()


def test_mean_gram_of_a_large_picture_fits_into_half_precision():
    F = torch.full((1, 2, 300, 300), 30.0, dtype=torch.float16)
    assert mean_gram(F.cpu()).isfinite().all()


def test_grams_of_bfloat16_features_are_summed_in_float32():
    F = torch.rand(1, 3, 64, 64).bfloat16()
    assert mean_gram(F).dtype == torch.float32
    torch.testing.assert_close(mean_gram(F), mean_gram(F.float()))


def test_the_content_loss_of_bfloat16_features_is_that_of_float32_to_their_rounding():
    torch.manual_seed(0)
    P = torch.rand(2, 3, 64, 64).bfloat16()
    F = torch.rand(2, 3, 64, 64).bfloat16().requires_grad_()
    wide = F.detach().float().requires_grad_()
    loss, expected = balanced_content_loss(F, P), balanced_content_loss(wide, P.float())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected, rtol=2**-8, atol=0)
    (given,), (gradient,) = torch.autograd.grad(loss.sum(), F), torch.autograd.grad(expected.sum(), wide)
    torch.testing.assert_close(given.float(), gradient, rtol=2**-6, atol=1e-7)


def test_one_photo_may_be_the_content_of_several_pictures():
    P, F = torch.from_numpy(features(0, 2, 3, 4, 4)), torch.from_numpy(features(1, 6, 3, 4, 4))
    expected = balanced_content_loss(F, P.repeat_interleave(3, dim=0))
    torch.testing.assert_close(balanced_content_loss(F, P), expected)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 1, 4)])
def test_gradients_are_those_of_finite_differences(shape):
    F = torch.from_numpy(features(0, *shape)).requires_grad_()
    P = torch.from_numpy(features(1, *shape))
    A, M = gram(P), shape[2] * shape[3]
    for loss in (
        gram,
        mean_gram,
        lambda F: content_loss(F, P),
        lambda F: style_loss(gram(F), A, M, M),
        lambda F: balanced_content_loss(F, P),
        lambda F: balanced_style_loss(mean_gram(F), A / M),
    ):
        assert torch.autograd.gradcheck(loss, (F,))


def test_grid_energy_of_a_grid_is_its_variance():
    tile = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    grid = tile.repeat(1, 1, 40, 36)
    # Edges of 160 and 144 hold two whole windows of 64 each; a grid is the same in all of them.
    expected = tile.var(dim=(2, 3), unbiased=False).mean(dim=1)
    torch.testing.assert_close(grid_energy(grid), expected)
    torch.testing.assert_close(grid_energy(grid[..., :40, :24]), expected)


def test_grid_energy_is_blind_to_what_does_not_repeat():
    noise = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    # What is left of noise is its variance over the 16 x 16 tiles of a window.
    torch.testing.assert_close(grid_energy(noise), torch.tensor([1 / 256]), rtol=0.15, atol=0)
    stripes = torch.arange(128).div(8, rounding_mode="floor").remainder(2).float().expand(1, 3, 128, 128)
    assert grid_energy(stripes).item() == pytest.approx(0, abs=1e-12)


def test_the_power_spectrum_is_the_mean_over_tapered_windows():
    x = np.random.default_rng(0).normal(size=(2, 3, 40, 50))
    hann = np.hanning(17)[:16]
    taper = np.outer(hann, hann)
    windows = [x[..., y : y + 16, z : z + 16] for y in range(0, 25, 8) for z in range(0, 35, 8)]
    waves = [np.fft.rfft2((window - window.mean(axis=(2, 3), keepdims=True)) * taper) for window in windows]
    expected = np.mean(np.abs(waves) ** 2, axis=0) / (taper**2).sum()
    np.testing.assert_allclose(power_spectrum(torch.from_numpy(x), window=16), expected)


def test_noise_has_its_variance_at_every_frequency_of_the_power_spectrum():
    noise = 0.1 * torch.randn(1, 1, 1024, 1024, generator=torch.Generator().manual_seed(0))
    without_mean = power_spectrum(noise)[0, 0, 2:-1]  # what the windows' means and the taper leave at 0 is less
    torch.testing.assert_close(without_mean, torch.full_like(without_mean, 0.01), rtol=0.15, atol=0)


def test_a_picture_smaller_than_a_window_is_repeated_to_fill_it():
    tile = torch.rand(1, 3, 8, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(power_spectrum(tile), power_spectrum(tile.repeat(1, 1, 4, 2)))


def test_the_spectrum_excess_is_that_of_fine_periods_beyond_the_allowance():
    rng = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, 32, 17, generator=rng) + 0.5
    assert spectrum_excess(1.4 * target, target).tolist() == [0, 0]
    assert spectrum_excess(0.1 * target, target).tolist() == [0, 0]
    torch.testing.assert_close(spectrum_excess(3 * target, target), torch.full((2,), np.log(2)), rtol=1e-3, atol=0)
    coarse = target.clone()
    coarse[..., :3, :3] *= 100  # periods of 32 / hypot(2, 2) = 11.3 pixels and more
    assert spectrum_excess(coarse, target).tolist() == [0, 0]
    faint = torch.full((1, 1, 32, 17), 1e-9)
    assert spectrum_excess(1000 * faint, faint).tolist() == [0]


def test_border_step_is_the_mean_of_four_squared_steps():
    x = torch.zeros(2, 3, 64, 80, dtype=torch.float64)
    x[1, :, :8] = 0.5
    top = 0.5**2
    # The upper eighths of the left and right sides are bright all the way in, so there is no step along them.
    expected = torch.tensor([0, top / 4], dtype=torch.float64)
    torch.testing.assert_close(border_step(x), expected)
    assert border_step(x.mT).tolist() == border_step(x).tolist()


def test_places_are_reached_within_a_square_of_the_radius():
    area = torch.zeros(1, 1, 20, 30)
    area[0, 0, 9, 12] = 1
    expected = torch.zeros(1, 1, 20, 30)
    expected[0, 0, 6:13, 9:16] = 1
    assert torch.equal(reached(area, 3), expected)


def test_masked_means_are_those_of_the_places_within_and_0_of_none():
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    masks = torch.zeros(1, 2, 3, 4)
    masks[0, 0, 0, :2] = 1
    torch.testing.assert_close(masked_mean(x, masks), torch.tensor([[[0.5, 12.5], [0, 0]]]))


def half_and_half(ring=0.0, size=160, near=8, far=16):
    """The left half is the area; on the right of it stands a ring, from `near` to `far` px off the edge."""
    area = torch.zeros(1, 1, size, size, dtype=torch.float64)
    area[..., : size // 2] = 1
    x = area.expand(1, 3, size, size).clone()
    x[:, 1, :, size // 2 + near : size // 2 + far] += ring
    return x, area


@pytest.mark.parametrize(("near", "far"), [(0, 4), (4, 8), (8, 16), (16, 28)])
def test_a_halo_counts_by_its_ring_its_side_and_its_channel(near, far):
    x, area = half_and_half(0.3, near=near, far=far)
    # One ring of four, on one side of two, in one channel of three.
    torch.testing.assert_close(halo_step(x, area), torch.tensor([0.3**2 / 24], dtype=torch.float64))
    torch.testing.assert_close(halo_step(x, 1 - area), halo_step(x, area))


def test_an_edge_without_a_halo_costs_nothing():
    x, area = half_and_half()
    assert halo_step(x, area).item() == 0


def test_a_picture_without_a_place_far_from_the_edge_has_no_halo():
    x, area = half_and_half(ring=0.3, size=64)
    assert halo_step(x, area).item() == 0


def textures(seed, *shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_one_relief_in_two_palettes_is_shared():
    photo, dabs = torch.full((1, 3, 96, 96), 0.5), textures(1, 1, 1, 96, 96)
    palettes = torch.tensor([[0.9, 0.2, 0.1], [0.1, 0.3, 0.8]])[..., None, None]
    torch.testing.assert_close(shared_relief(dabs * palettes, photo), torch.ones(2))
    torch.testing.assert_close(shared_relief(torch.cat([dabs, 1 - dabs]).expand(2, 3, 96, 96), photo), torch.ones(2))


def test_brushwork_of_its_own_is_not_shared():
    photos, images = textures(1, 2, 3, 96, 96), textures(2, 4, 3, 96, 96)
    assert shared_relief(images, photos).amax() < 0.01


def test_what_the_photo_explains_is_not_shared():
    photo, own = textures(1, 1, 3, 96, 96), textures(2, 2, 3, 96, 96)
    assert shared_relief(photo + 0.2 * own, photo).amax() < 0.01


def test_relief_is_shared_among_images_of_the_same_photo_only():
    photos, dabs, own = textures(1, 2, 3, 96, 96), textures(2, 1, 3, 96, 96), textures(3, 2, 3, 96, 96)
    images = torch.cat([dabs, own[:1], dabs, own[1:]])
    assert shared_relief(images, photos).amax() < 0.01
    assert torch.equal(shared_relief(images[:2], photos), torch.zeros(2))


def test_relief_has_neither_mean_nor_gradient():
    slope = torch.linspace(0, 1, 96).expand(1, 3, 96, 96)
    # The blur sees one side only at the border, within 24 squares of two pixels of it: the middle is even.
    assert relief(slope).reshape(48, 48)[:, 14:34].std(dim=1).amax() < 1e-4
    assert relief(textures(1, 1, 3, 96, 96)).mean().abs() < 1e-6
