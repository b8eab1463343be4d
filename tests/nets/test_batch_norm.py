"""Batch normalisation: the batch's statistics in training, running ones afterwards; and who may have it."""

import pytest
import torch
import torch.nn.functional as F

from app.nets.architectures import build_generator, check_styles
from app.nets.generators import Johnson, Paper
from app.nets.norm import EPSILON, MOMENTUM, BatchNorm, StyleRows, build_norm

SMALL = {
    "compact": {"widths": (4, 8), "blocks": 1, "fine": 4},
    "johnson": {"widths": (4, 8), "blocks": 1},
    "paper": {"widths": (4, 8), "blocks": 1},
}


def random_rows(channels, batch=1):
    return 1 + torch.randn(batch, channels) / 3, torch.randn(batch, channels) / 3


def test_training_normalises_by_the_batch():
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(4, 3, 5, 7)
    gamma, beta = (row.expand(4, -1) for row in random_rows(3))
    expected = F.batch_norm(x, None, None, gamma[0], beta[0], training=True, eps=EPSILON)
    torch.testing.assert_close(BatchNorm(3)(x, gamma, beta), expected, atol=2e-6, rtol=1e-5)


def test_running_statistics_follow_the_batches():
    torch.manual_seed(0)
    norm = BatchNorm(2)
    mean, variance = torch.zeros(2), torch.ones(2)
    for offset in (1.0, 5.0):
        x = offset + torch.randn(4, 2, 6, 6)
        norm(x, *random_rows(2, 4))
        mean = mean + MOMENTUM * (x.mean(dim=(0, 2, 3)) - mean)
        variance = variance + MOMENTUM * (x.var(dim=(0, 2, 3), correction=0) - variance)
    torch.testing.assert_close(norm.mean, mean)
    torch.testing.assert_close(norm.variance, variance)


def test_at_test_they_are_used_and_stay():
    torch.manual_seed(0)
    norm = BatchNorm(3).eval()
    norm.mean.uniform_(-1, 1)
    norm.variance.uniform_(0.5, 2)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    x, (gamma, beta) = 9 * torch.rand(2, 3, 4, 4), random_rows(3)
    expected = F.batch_norm(x, norm.mean, norm.variance, gamma[0], beta[0], training=False, eps=EPSILON)
    torch.testing.assert_close(norm(x, gamma, beta), expected, atol=2e-6, rtol=1e-5)
    assert all(torch.equal(norm.state_dict()[name], value) for name, value in before.items())


def test_every_sample_has_its_own_gamma_and_beta():
    torch.manual_seed(0)
    norm, x, (gamma, beta) = BatchNorm(3).eval(), torch.rand(2, 3, 4, 4), random_rows(3, 2)
    for i in range(2):
        alone = norm(x[i : i + 1], gamma[i : i + 1], beta[i : i + 1])
        torch.testing.assert_close(norm(x, gamma, beta)[i : i + 1], alone)


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    norm = BatchNorm(2).double()
    x = torch.randn(3, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    rows = [torch.randn(3, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(norm, (x, *rows))


@pytest.fixture(params=sorted(SMALL))
def generator(request):
    torch.manual_seed(1)
    made = build_generator(request.param, SMALL[request.param], "batch").requires_grad_(False)
    made(torch.rand(4, 3, 32, 32), *StyleRows(1, made.features)(torch.zeros(4, dtype=torch.int64)))
    return made.eval()


def test_an_answer_does_not_depend_on_its_batch(generator):
    x, (gamma, beta) = torch.rand(3, 3, 33, 30), random_rows(generator.features)
    together = generator(x, gamma.expand(3, -1), beta.expand(3, -1))
    torch.testing.assert_close(together[:1], generator(x[:1], gamma, beta), atol=1e-5, rtol=0)


def test_narrow_weights_keep_their_statistics(generator):
    x, rows = torch.rand(2, 3, 40, 40), random_rows(generator.features, 2)
    wide, statistics = generator(x, *rows), dict(generator.named_buffers())
    narrowed = generator.weights(torch.bfloat16)
    assert statistics.keys() <= narrowed.keys()
    assert all(narrowed[name] is statistic for name, statistic in statistics.items())
    generator.load_state_dict(narrowed, assign=True)
    painted = generator(x, *rows)
    assert painted.dtype == torch.float32
    assert (painted - wide).abs().mean() < 0.02


def test_contrast_gets_through_batch_norm_alone():
    """What instance normalisation was made for (1607.08022): the photo's contrast is none of the style's business."""
    torch.manual_seed(0)
    x, rows = torch.randn(1, 3, 8, 8), (torch.ones(1, 3), torch.zeros(1, 3))
    batch, instance = (build_norm(name, 3).eval() for name in ("batch", "instance"))
    torch.testing.assert_close(batch(x / 4, *rows), batch(x, *rows) / 4)
    torch.testing.assert_close(instance(x / 4, *rows), instance(x, *rows), atol=1e-3, rtol=0)


def test_johnson_is_the_paper_for_one_style():
    johnson, paper = Johnson(), Paper()
    assert johnson.state_dict().keys() == paper.state_dict().keys()
    assert johnson.widths == paper.widths
    assert Johnson(norm="batch").widths == paper.widths
    assert johnson.one_style
    assert not paper.one_style


@pytest.mark.parametrize(("architecture", "norm"), [("johnson", "instance"), ("johnson", "batch"), ("paper", "batch")])
def test_a_network_for_one_style_has_one(architecture, norm):
    generator = build_generator(architecture, SMALL[architecture], norm)
    check_styles(generator, 1)
    with pytest.raises(ValueError, match="has one style, not 2"):
        check_styles(generator, 2)


def test_only_batch_norm_holds_statistics():
    assert not list(build_norm("instance", 4).state_dict())
    assert list(build_norm("batch", 4).state_dict()) == ["mean", "variance"]
    with pytest.raises(ValueError, match="instance or batch"):
        build_norm("layer", 4)
    with pytest.raises(ValueError, match="options do not fit"):
        build_generator("paper", {"norm": "batch"})
