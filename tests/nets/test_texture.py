"""The multi-scale generators: textures from noise alone, photos with noise, the same seed the same picture."""

import pytest
import torch
from torch import nn

from app.nets.architectures import build_generator
from app.nets.generators import ConvNorm
from app.nets.noise import GRAIN_PRIME, grain, keys_of, seeded_noise
from app.nets.norm import StyleRows
from app.nets.texture import Block, Texture, Ulyanov

SMALL = {"scales": 3, "width": 4}


@pytest.fixture(params=["texture", "ulyanov"])
def generator(request):
    torch.manual_seed(0)
    return build_generator(request.param, SMALL).eval().requires_grad_(False)


def random_rows(generator, batch=1, seed=0):
    rng = torch.Generator().manual_seed(seed)
    gamma = 1 + torch.randn(1, generator.features, generator=rng) / 3
    beta = torch.randn(1, generator.features, generator=rng) / 3
    return gamma.expand(batch, -1), beta.expand(batch, -1)


def paint(generator, x, seed=None):
    return generator(x, *random_rows(generator, len(x)), None if seed is None else torch.tensor([seed]))


def test_a_seed_has_its_noise_and_two_have_two(generator):
    x = torch.rand(1, 3, 48, 40)
    first, second = paint(generator, x, 1), paint(generator, x, 2)
    assert torch.equal(paint(generator, x, 1), first)
    assert (first - second).abs().mean() > 0.05
    assert torch.equal(paint(generator, x), paint(generator, x, 0))


def test_every_sample_can_have_a_seed_of_its_own(generator):
    x, rows = torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1), random_rows(generator, 2)
    together = generator(x, *rows, torch.tensor([5, 6]))
    for sample, seed in enumerate((5, 6)):
        torch.testing.assert_close(together[sample : sample + 1], paint(generator, x[:1], seed), atol=1e-5, rtol=0)


def test_an_answer_does_not_depend_on_its_batch(generator):
    x = torch.rand(3, 3, 33, 30)
    torch.testing.assert_close(paint(generator, x)[:1], paint(generator, x[:1]), atol=1e-5, rtol=0)


def test_a_texture_takes_nothing_but_the_size():
    torch.manual_seed(0)
    generator = Texture(**SMALL).eval()
    assert torch.equal(paint(generator, torch.rand(1, 3, 40, 24)), paint(generator, torch.zeros(1, 3, 40, 24)))


def test_the_photo_reaches_the_painting_at_every_scale():
    torch.manual_seed(0)
    generator = Ulyanov(**SMALL).eval()
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    given = list(generator.inputs(x, torch.tensor([0])))
    assert [tuple(scale.shape) for scale in given] == [(1, 6, 32, 32), (1, 6, 16, 16), (1, 6, 8, 8)]
    for k, scale in enumerate(given):
        torch.testing.assert_close(scale[:, :3], nn.functional.avg_pool2d(x, 2**k))


def test_a_texture_can_be_laid_edge_to_edge():
    """Circular padding: noise that is rolled by whole coarsest pixels paints the texture rolled as far."""
    torch.manual_seed(0)
    block = Block(3, 4, "instance", "circular").eval()
    x, rows = torch.rand(1, 3, 12, 16), [(torch.ones(1, 4), torch.zeros(1, 4))] * 3
    rolled = block(x.roll((3, 5), (2, 3)), iter(rows))
    torch.testing.assert_close(rolled, block(x, iter(rows)).roll((3, 5), (2, 3)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (16, 17), (33, 47), (1, 90), (64, 64)])
@pytest.mark.parametrize("scales", [1, 3, 6])
@pytest.mark.parametrize("kind", [Texture, Ulyanov])
def test_every_size_comes_out_as_it_went_in(kind, scales, size):
    generator = kind(scales=scales, width=2).eval().requires_grad_(False)
    painted = paint(generator, torch.rand(1, 3, *size))
    assert painted.shape == (1, 3, *size)
    assert painted.isfinite().all()
    assert 0 <= painted.min() <= painted.max() <= 1


def test_the_defaults_are_the_papers():
    """1603.03417: five scales for textures and six for photos, 8 channels more at each; about 65,000 values."""
    texture, photo = Texture(), Ulyanov()
    assert (texture.scales, photo.scales) == (5, 6)
    joined = [join.joined.layers[0].conv.in_channels for join in texture.joins]
    assert joined == [16, 24, 32, 40]
    assert sum(p.numel() for p in texture.parameters()) == 70_064
    kernels = [layer.conv.kernel_size for layer in texture.coarsest.layers]
    assert kernels == [(3, 3), (3, 3), (1, 1)]


def test_rows_reach_every_norm_in_its_order(generator):
    gamma, beta = (row.clone().requires_grad_() for row in random_rows(generator))
    (generator(torch.rand(1, 3, 32, 32), gamma, beta) * torch.rand(1, 3, 32, 32)).sum().backward()
    assert (gamma.grad != 0).float().mean() > 0.9
    assert (beta.grad != 0).float().mean() > 0.5  # a norm behind it takes most shifts away again
    assert len(generator.widths) == 3 + 2 * 8 + 1


def test_norms_take_their_rows_in_the_order_of_the_widths(generator):
    taken = []
    for module in generator.modules():
        if type(module).__name__ == "InstanceNorm":
            module.register_forward_hook(lambda module, _inputs, _output: taken.append(module.channels))
    paint(generator, torch.rand(1, 3, 32, 32))
    assert taken == generator.widths


def test_narrow_weights_paint_near_the_wide_ones(generator):
    x = torch.rand(2, 3, 40, 40)
    wide = paint(generator, x)
    generator.load_state_dict(generator.weights(torch.bfloat16), assign=True)
    painted = paint(generator, x)
    assert painted.dtype == torch.float32
    assert (painted - wide).abs().mean() < 0.05


def test_batch_norm_goes_with_it(generator):
    made = type(generator)(**SMALL, norm="batch")
    made(torch.rand(4, 3, 32, 32), *StyleRows(1, made.features)(torch.zeros(4, dtype=torch.int64)), torch.arange(4))
    assert made.one_style
    assert paint(made.eval(), torch.rand(1, 3, 20, 20)).isfinite().all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"scales": 0}, "scales must be 1 to 6"), ({"scales": 7}, "scales must be"), ({"width": 0}, "widths must be")],
)
def test_options_out_of_bounds_are_refused(options, sentence):
    for name in ("texture", "ulyanov"):
        with pytest.raises(ValueError, match=sentence):
            build_generator(name, options)
    with pytest.raises(ValueError, match="options do not fit"):
        build_generator("texture", {"blocks": 1})


def test_noise_is_uniform_and_two_keys_have_nothing_in_common():
    noise = seeded_noise(64, 64, keys_of(torch.arange(3), torch.arange(4))).double()
    assert noise.shape == (3, 4, 64, 64)
    assert abs(noise.mean() - 0.5) < 0.005
    assert abs(noise.std() - 12**-0.5) < 0.005
    centred = noise.flatten(0, 1) - noise.mean()
    spectra = torch.fft.fft2(centred)
    for i in range(12):
        for j in range(i):
            # Against every shift of each other: of 4,096 values at random, 0.016 is one standard deviation.
            match = torch.fft.ifft2(spectra[i] * spectra[j].conj()).real.abs().max() / (4096 / 12)
            assert match < 0.12


def test_noise_at_a_place_is_the_same_in_every_size():
    keys = keys_of(torch.tensor([7]), torch.arange(2))
    assert torch.equal(seeded_noise(20, 30, keys), seeded_noise(50, 40, keys)[..., :20, :30])
    assert torch.equal(grain(8, 9, torch.device("cpu")), grain(20, 20, torch.device("cpu"))[:8, :9])


def test_keys_are_told_apart():
    assert keys_of(torch.arange(200), torch.arange(18)).unique().numel() == 3600
    assert torch.equal(
        keys_of(torch.tensor([3]), torch.arange(2)), keys_of(torch.tensor([3 + GRAIN_PRIME]), torch.arange(2))
    )


def test_layers_pad_as_they_are_told():
    assert ConvNorm(2, 2, 3).conv.padding_mode == "reflect"
    assert {m.conv.padding_mode for m in Texture(**SMALL).modules() if isinstance(m, ConvNorm)} == {
        "circular",
        "reflect",
    }
