"""The generators: counts by the paper, any size, no zero padding, styles independent within a batch."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from app.nets.architectures import build_generator
from app.nets.generators import Compact, ConvNorm, Hourglass, Paper, Residual, convolve_enlarged, pad_to_multiple
from app.nets.noise import grain
from app.nets.norm import StyleRows

NARROW = {
    "paper": lambda: Paper(widths=(4, 6, 8), blocks=1),
    "compact": lambda: Compact(widths=(4, 8), blocks=1, fine=4),
    "compact with an hourglass": lambda: Compact(widths=(4, 8), blocks=1, fine=4, deep=(6, 10)),
    "compact with a margin": lambda: Compact(widths=(4, 8), blocks=1, fine=4, margin=6),
}


@pytest.fixture(params=NARROW)
def generator(request):
    torch.manual_seed(0)
    return NARROW[request.param]().eval().requires_grad_(False)


def random_rows(generator, styles=1, seed=0):
    rng = torch.Generator().manual_seed(seed)
    rows = StyleRows(styles, generator.features).requires_grad_(False)
    rows.gamma.normal_(1, 0.3, generator=rng)
    rows.beta.normal_(0, 0.3, generator=rng)
    return rows


def flops(generator, edge):
    """Twice the multiply-adds of all convolutions for one square picture, counted while they run."""
    counted = []

    def count(convolution, _inputs, output):
        kernel = convolution.weight[0].numel()
        counted.append(2 * kernel * output.shape[1] * output.shape[2] * output.shape[3])

    for module in generator.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.device("meta"):
        generator.to("meta")(torch.empty(1, 3, edge, edge), *StyleRows(1, generator.features)(torch.tensor([0])))
    return sum(counted)


def test_paper_has_the_parameters_of_table_1():
    # kernel x kernel x inputs x outputs: three convolutions, five residual blocks of two, two up, the last one
    convolutions = (
        (9 * 9 * 3 * 32 + 3 * 3 * 32 * 64 + 3 * 3 * 64 * 128)
        + 10 * (3 * 3 * 128 * 128)
        + (3 * 3 * 128 * 64 + 3 * 3 * 64 * 32 + 9 * 9 * 32 * 3)
    )
    assert convolutions == 1_674_432
    assert sum(p.numel() for p in Paper().parameters()) == convolutions


def test_paper_has_3206_values_a_style():
    generator = Paper()
    assert generator.widths == [32, 64, 128, *[128] * 10, 64, 32, 3]
    assert sum(p.numel() for p in StyleRows(1, generator.features).parameters()) == 3206


def test_paper_costs_81_gflop_and_compact_a_quarter_at_512():
    assert round(flops(Paper(), 512) / 1e9) == 81
    assert flops(Compact(), 512) <= 20e9
    assert flops(Compact(deep=(96, 128)), 512) <= 20e9


@pytest.mark.parametrize("widths", [(8,), (4, 8), (4, 6, 8)])
@pytest.mark.parametrize("architecture", ["paper", "compact"])
def test_the_output_has_the_size_of_the_input_at_every_depth(architecture, widths):
    generator = build_generator(architecture, {"widths": widths, "blocks": 1})
    with torch.inference_mode():
        for size in ((1, 1), (16, 17), (33, 47)):
            assert generator(torch.rand(1, 3, *size), *random_rows(generator)(torch.tensor([0]))).shape[2:] == size


def test_every_size_from_1_to_80_comes_out_as_it_went_in(generator):
    rows = random_rows(generator)(torch.tensor([0]))
    with torch.inference_mode():
        for edge in range(1, 81):
            for size in ((edge, edge), (edge, 81 - edge), (1, edge), (edge, 1)):
                painted = generator(torch.rand(1, 3, *size), *rows)
                assert painted.shape == (1, 3, *size)
                assert painted.isfinite().all()


def test_an_hourglass_changes_what_is_far_away():
    """A block of the trunk sees 2 positions in every direction, an hourglass of two halvings 11 and more."""
    torch.manual_seed(0)
    for block, reach in ((Residual(4), 2), (Hourglass(4, (4, 4)), 11)):
        x = torch.rand(1, 4, 64, 64, requires_grad=True)
        ones, zeros = torch.ones(1, 4), torch.zeros(1, 4)
        for conv_norm in (m for m in block.modules() if isinstance(m, ConvNorm)):
            conv_norm.norm = Unchanged()
        block(x, iter([(ones, zeros)] * 5))[0, 0, 32, 32].backward()
        rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
        assert 32 - rows.min() >= reach


class Unchanged(nn.Module):
    """In place of a norm, through whose statistics every position would depend on all others."""

    def forward(self, x, _gamma, _beta):
        return x


def test_long_strips_come_out_as_they_went_in(generator):
    rows = random_rows(generator)(torch.tensor([0]))
    for size in ((1, 1999), (2001, 1), (3, 1000)):
        assert generator(torch.rand(1, 3, *size), *rows).shape == (1, 3, *size)


def test_padding_repeats_edges_up_to_16_and_mirrors_to_the_multiple():
    x = torch.arange(3 * 18, dtype=torch.float32).reshape(1, 1, 3, 18)
    padded = pad_to_multiple(x, 4)[0, 0].numpy()
    expected = np.pad(np.pad(x[0, 0].numpy(), ((0, 13), (0, 0)), mode="edge"), ((0, 0), (0, 2)), mode="reflect")
    np.testing.assert_array_equal(padded, expected)


def test_a_margin_is_mirrored_on_every_side_and_the_rest_to_the_multiple_is_right_and_below():
    x = torch.arange(5 * 18, dtype=torch.float32).reshape(1, 1, 5, 18)
    padded = pad_to_multiple(x, 4, 16, 6)[0, 0].numpy()
    enlarged = np.pad(x[0, 0].numpy(), ((0, 11), (0, 0)), mode="edge")
    np.testing.assert_array_equal(padded, np.pad(enlarged, ((6, 6), (6, 8)), mode="reflect"))


def test_a_margin_is_cut_off_again():
    torch.manual_seed(0)
    plain, wide = (Compact(widths=(4, 8), blocks=1, fine=4, margin=m).eval().requires_grad_(False) for m in (0, 6))
    wide.load_state_dict(plain.state_dict())
    rows = random_rows(plain)(torch.tensor([0]))
    photo = torch.rand(1, 3, 21, 30, generator=torch.Generator().manual_seed(1))
    # 21 + 12 + 3 and 30 + 12 + 2 are multiples of 4.
    mirrored = F.pad(photo, (6, 8, 6, 9), mode="reflect")
    assert torch.equal(wide(photo, *rows), plain(mirrored, *rows)[..., 6:27, 6:36])


def test_a_margin_that_small_pictures_could_not_mirror_is_refused():
    assert Compact(margin=12).margin == 12
    for margin in (-1, 13):
        with pytest.raises(ValueError, match="the margin must be 0 to 12 pixels"):
            Compact(margin=margin)


def test_a_size_that_fits_is_not_touched():
    x = torch.rand(1, 3, 16, 20)
    assert pad_to_multiple(x, 4) is x


def test_a_constant_picture_stays_constant_up_to_the_borders(generator):
    """Zero padding anywhere would put a frame around it. Without grain, which is there to break constancy."""
    gamma, beta = random_rows(generator)(torch.tensor([0]))
    photo = torch.full((1, 3, 40, 52), 0.7)
    if any(isinstance(module, Hourglass) for module in generator.modules()):
        # Between equal values, too, a bilinear enlargement rounds, each position in its own way: the norms enlarge it.
        generator, photo, gamma, beta = generator.double(), photo.double(), gamma.double(), beta.double()
    if isinstance(generator, Compact):
        generator.entry.conv.weight[:, 12:] = 0
    painted = generator(photo, gamma, beta)
    # Nothing but rounding is left of a constant channel after its norm: the last layer's beta decides.
    expected = torch.sigmoid(beta[0, -3:]).reshape(1, 3, 1, 1).expand_as(painted)
    torch.testing.assert_close(painted, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_the_constant_picture_would_show_zero_padding(mode):
    layer = ConvNorm(3, 4, 3)
    layer.conv.padding_mode = mode
    z = layer(torch.full((1, 3, 8, 8), 0.7), iter([(torch.ones(1, 4), torch.zeros(1, 4))]))
    assert (z.abs().max().item() > 1) == (mode == "zeros")


def test_values_are_float32_in_0_to_1_whatever_the_rows(generator):
    gamma, beta = random_rows(generator)(torch.tensor([0]))
    painted = generator(torch.rand(1, 3, 24, 24), 100 * gamma, 100 * beta)
    assert painted.dtype == torch.float32
    assert painted.min() >= 0
    assert painted.max() <= 1


def test_narrow_weights_paint_float32_near_the_wide_ones(generator):
    x, rows = torch.rand(2, 3, 40, 40), random_rows(generator)(torch.tensor([0, 0]))
    wide = generator(x, *rows)
    narrowed = generator.weights(torch.bfloat16)
    assert {name.split(".")[0] for name, weight in narrowed.items() if weight.dtype == torch.float32} == {"last"}
    generator.load_state_dict(narrowed, assign=True)
    painted = generator(x, *rows)
    assert painted.dtype == torch.float32
    assert 0 <= painted.min() <= painted.max() <= 1
    # bfloat16 has 8 bits; some layers on, the mean error is a few of their steps.
    assert (painted - wide).abs().mean() < 0.02


@pytest.mark.parametrize("size", [(5, 7), (8, 8), (1, 2)])
def test_convolving_before_the_enlargement_is_the_same_with_the_same_gradients(size):
    torch.manual_seed(0)
    x = torch.randn(2, 6, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 6, 3, 3, dtype=torch.float64, requires_grad=True)
    enlarged = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect")
    expected, actual = F.conv2d(enlarged, weight), convolve_enlarged(x, weight)
    torch.testing.assert_close(actual, expected, atol=1e-12, rtol=0)
    gradients = [torch.autograd.grad(y.square().sum(), (x, weight)) for y in (actual, expected)]
    torch.testing.assert_close(*gradients, atol=1e-10, rtol=0)


def test_compact_learns_what_it_paints():
    torch.manual_seed(0)
    generator = Compact(widths=(4, 8), blocks=1, fine=4).double()
    rows = [row.double() for row in random_rows(generator)(torch.tensor([0]))]
    photo = torch.rand(1, 3, 32, 48, dtype=torch.float64)
    torch.testing.assert_close(generator.train()(photo, *rows), generator.eval()(photo, *rows))


def test_a_mixed_batch_is_its_samples_alone(generator):
    rows = random_rows(generator, styles=3)
    x = torch.rand(4, 3, 33, 30)
    weights = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.5, 0.3]])
    together = generator(x, *rows.mix(weights))
    for i in range(4):
        alone = generator(x[i : i + 1], *rows.mix(weights[i : i + 1]))
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=0)
    assert (together[0] - generator(x[:1], *rows.mix(weights[1:2]))[0]).abs().max() > 0.01  # the styles do differ


def test_the_rows_reach_every_norm_in_their_order(generator):
    """A change of the values of one layer changes the picture, and all values are used."""
    x, (gamma, beta) = torch.rand(1, 3, 32, 32), random_rows(generator)(torch.tensor([0]))
    gamma, beta = gamma.requires_grad_(), beta.requires_grad_()
    (generator(x, gamma, beta) * torch.rand(1, 3, 32, 32)).sum().backward()
    starts = np.cumsum([0, *generator.widths])
    for start, end in pairwise(starts):
        assert gamma.grad[0, start:end].abs().max() > 0
        assert beta.grad[0, start:end].abs().max() > 0


def test_too_few_or_too_many_values_are_refused(generator):
    for features in (generator.features - 1, generator.features + 1):
        with pytest.raises(RuntimeError):
            generator(torch.rand(1, 3, 16, 16), torch.ones(1, features), torch.zeros(1, features))


def rows_of(*widths):
    return [torch.randn(1, width, dtype=torch.float64, requires_grad=True) for width in widths for _ in range(2)]


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"enlarge": 2}], ids=["plain", "stride", "enlarge"])
def test_gradients_of_a_layer_are_those_of_finite_differences(options):
    torch.manual_seed(0)
    layer = ConvNorm(2, 3, 3, **options).double()
    x = torch.randn(1, 2, 2, 4, dtype=torch.float64, requires_grad=True)

    def call(x, weight, gamma, beta):
        return torch.func.functional_call(layer, {"conv.weight": weight}, (x, iter([(gamma, beta)])))

    assert torch.autograd.gradcheck(call, (x, layer.conv.weight, *rows_of(3)))


def test_gradients_of_a_residual_block_are_those_of_finite_differences():
    torch.manual_seed(0)
    block = Residual(2).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)

    def call(x, *values):
        return block(x, iter([values[:2], values[2:]]))

    assert torch.autograd.gradcheck(call, (x, *rows_of(2, 2)))


def test_gradients_of_a_generator_are_those_of_finite_differences(generator):
    """Along one random direction through photo, weights and rows at once."""
    torch.manual_seed(1)
    generator.double()
    x, target = torch.rand(2, 1, 3, 24, 24, dtype=torch.float64)
    start = {name: p.detach().clone() for name, p in generator.named_parameters()}
    start |= {"x": x, **dict(zip(("gamma", "beta"), random_rows(generator).double()(torch.tensor([0])), strict=True))}
    direction = {name: torch.randn_like(value) for name, value in start.items()}

    def value(scale):
        moved = {name: value + scale * direction[name] for name, value in start.items()}
        inputs = tuple(moved.pop(name) for name in ("x", "gamma", "beta"))
        return F.mse_loss(torch.func.functional_call(generator, moved, inputs), target)

    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(value(scale), scale)
    step = 1e-7  # few ReLUs change sides within so short a step
    assert gradient.item() == pytest.approx((value(step) - value(-step)).item() / (2 * step), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"depth": 3}, "options do not fit"),
        ({"widths": ()}, "widths must"),
        ({"widths": 8}, "options do not fit"),
        ({"widths": (10**6, 10**6)}, "widths must be"),
        ({"widths": (0, 8)}, "widths must be"),
        ({"blocks": 10**9}, "blocks must be"),
        ({"blocks": -1}, "blocks must be"),
        ({"widths": (8,) * 5}, "halve the resolution 3 times"),
    ],
)
@pytest.mark.parametrize("architecture", ["paper", "compact"])
def test_options_out_of_bounds_are_refused(architecture, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        build_generator(architecture, options)


@pytest.mark.parametrize(
    ("deep", "sentence"), [((8, 8, 8), "halve the resolution 4 times"), ((0,), "widths must be"), (8, "do not fit")]
)
def test_an_hourglass_out_of_bounds_is_refused(deep, sentence):
    with pytest.raises(ValueError, match=sentence):
        build_generator("compact", {"deep": deep})


def test_compact_has_something_to_paint_flat_pictures_with():
    torch.manual_seed(0)
    generator = NARROW["compact"]().requires_grad_(False)
    painted = generator(torch.full((2, 3, 64, 64), 0.7), *random_rows(generator)(torch.tensor([0, 0])))
    assert painted[0].std(dim=(1, 2)).min() > 0.05
    # The same for every picture: an answer must not depend on what it is batched with.
    assert torch.equal(painted[0], painted[1])


def test_grain_is_uniform_and_white():
    noise = grain(256, 256, torch.device("cpu")).double()
    assert abs(noise.mean() - 0.5) < 0.005
    assert abs(noise.std() - 12**-0.5) < 0.005
    power = torch.fft.fft2(noise - noise.mean()).abs().square() / (noise.numel() * noise.var())
    # Of 65,536 frequencies of white noise the strongest is ln(65,536) = 11 times the mean, rarely over 18.
    assert power.max() < 18


def test_grain_at_a_place_is_the_same_in_every_size():
    small, large = (grain(edge, 2 * edge, torch.device("cpu")) for edge in (20, 50))
    assert torch.equal(small, large[:20, :40])


def test_grain_of_a_part_is_the_grain_at_its_place():
    whole, part = grain(30, 40, torch.device("cpu")), grain(7, 9, torch.device("cpu"), at=(20, 31))
    assert torch.equal(part, whole[20:27, 31:40])
