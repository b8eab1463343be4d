"""Conditional instance normalisation, against statistics taken by hand in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.nets.norm import EPSILON, StyleRows, conditional_instance_norm


def by_hand(x, gamma, beta):
    """1610.07629, equation 5, one sample and channel after the other, in float64."""
    z = np.empty(x.shape)
    for b in range(x.shape[0]):
        for c in range(x.shape[1]):
            channel = x[b, c].astype(np.float64)
            mu = channel.sum() / channel.size
            variance = ((channel - mu) ** 2).sum() / channel.size
            z[b, c] = gamma[b, c] * (channel - mu) / np.sqrt(variance + EPSILON) + beta[b, c]
    return z


MEMORY_FORMATS = (torch.contiguous_format, torch.channels_last)  # each is computed in its own way
memory_formats = pytest.mark.parametrize("memory_format", MEMORY_FORMATS)


@settings(max_examples=50, deadline=None)
@given(
    memory_format=st.sampled_from(MEMORY_FORMATS),
    shape=st.tuples(*(st.integers(low, high) for low, high in ((1, 4), (1, 5), (2, 9), (2, 9)))),
    seed=st.integers(0, 2**31),
    offset=st.sampled_from([0.0, 3.0, -200.0]),
)
def test_is_equation_5_with_another_gamma_and_beta_in_every_sample(memory_format, shape, seed, offset):
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=shape) * rng.uniform(0.1, 3) + offset).astype(np.float32)
    gamma, beta = rng.normal(size=(2, *shape[:2])).astype(np.float32)
    pictures = torch.from_numpy(x).to(memory_format=memory_format)
    z = conditional_instance_norm(pictures, *map(torch.from_numpy, (gamma, beta)))
    # float32 keeps 7 digits of an offset of 200: that much of the deviation is lost before the norm sees it.
    np.testing.assert_allclose(z.numpy(), by_hand(x, gamma, beta), atol=2e-3 if offset == -200 else 2e-5)


def test_epsilon_is_inside_the_root():
    x = torch.tensor([-1e-3, 1e-3]).reshape(1, 1, 1, 2)
    z = conditional_instance_norm(x, torch.ones(1, 1), torch.zeros(1, 1))
    assert z[0, 0, 0, 1].item() == pytest.approx(1e-3 / np.sqrt(1e-6 + 1e-5), rel=1e-5)


@memory_formats
def test_bfloat16_pictures_get_float32_statistics(memory_format):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(20, 1, size=(2, 3, 64, 64))).bfloat16().to(memory_format=memory_format)
    gamma, beta = torch.from_numpy(rng.normal(size=(2, 2, 3)).astype(np.float32))
    z = conditional_instance_norm(x, gamma, beta)
    assert z.dtype == torch.bfloat16
    # The input's own rounding is common to both sides; what remains is the rounding of the result to 8 bits.
    expected = by_hand(x.double().numpy(), gamma.numpy(), beta.numpy())
    np.testing.assert_allclose(z.double().numpy(), expected, rtol=2**-8, atol=1e-4)


@memory_formats
def test_gradients_are_those_of_finite_differences(memory_format):
    torch.manual_seed(0)
    x = torch.randn(2, 2, 2, 3, dtype=torch.float64).to(memory_format=memory_format).requires_grad_()
    gamma, beta = (torch.randn(2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(conditional_instance_norm, (x, gamma, beta))


def test_pictures_keep_their_memory_format():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    z = conditional_instance_norm(x, torch.ones(2, 3), torch.zeros(2, 3))
    assert z.is_contiguous(memory_format=torch.channels_last)


def test_other_samples_do_not_change_a_sample():
    torch.manual_seed(0)
    x, gamma, beta = torch.randn(3, 4, 6, 6), torch.randn(3, 4), torch.randn(3, 4)
    together = conditional_instance_norm(x, gamma, beta)
    for i in range(3):
        alone = conditional_instance_norm(x[i : i + 1], gamma[i : i + 1], beta[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone)


@pytest.fixture
def rows():
    torch.manual_seed(0)
    rows = StyleRows(3, 5).requires_grad_(False)
    rows.gamma.normal_(1, 0.5)
    rows.beta.normal_(0, 0.5)
    return rows


def test_new_rows_change_nothing_but_normalise():
    rows = StyleRows(2, 4)
    assert torch.equal(rows.gamma, torch.ones(2, 4))
    assert torch.equal(rows.beta, torch.zeros(2, 4))


def test_rows_by_number(rows):
    gamma, beta = rows(torch.tensor([2, 0]))
    assert torch.equal(gamma, rows.gamma[[2, 0]])
    assert torch.equal(beta, rows.beta[[2, 0]])


def test_a_blend_is_the_weighted_sum_of_gamma_and_of_beta(rows):
    weights = torch.tensor([[0.25, 0.0, 0.75], [0.0, 1.0, 0.0]])
    gamma, beta = rows.mix(weights)
    for mixed, parameter in ((gamma, rows.gamma), (beta, rows.beta)):
        expected = weights.double().numpy() @ parameter.double().numpy()
        np.testing.assert_allclose(mixed.numpy(), expected, rtol=1e-6, atol=1e-7)


def test_one_style_alone_is_its_row_to_the_bit(rows):
    gamma, beta = rows.mix(torch.tensor([[0.0, 1.0, 0.0]]))
    assert torch.equal(gamma[0], rows.gamma[1])
    assert torch.equal(beta[0], rows.beta[1])


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_rows_without_weight_are_not_read(rows, broken):
    weights = torch.tensor([[0.5, 0.0, 0.5]])
    expected = rows.mix(weights)
    rows.gamma[1] = rows.beta[1] = broken
    for mixed, before in zip(rows.mix(weights), expected, strict=True):
        assert torch.equal(mixed, before)
