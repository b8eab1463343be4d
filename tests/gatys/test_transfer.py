"""The transfer with small random loss networks and made-up pictures."""

import json
import time
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from app.engine.device import choose_dtype
from app.errors import InvalidOption
from app.gatys.checkpoint import ForeignCheckpoint, GatysCheckpoint
from app.gatys.options import GatysOptions
from app.gatys.transfer import Transfer, wanted_precision
from app.imaging.colour import LUMA, matching_luma
from app.model_builds.addition import fitting_precision
from app.nets.descriptor import Descriptor

QUICK = {"size": 64, "scales": 2, "iterations": 12, "tolerance": 0, "precision": "float32"}


@pytest.fixture(scope="module")
def descriptor():
    """A VGG-shaped network of few channels, up to relu5_1."""
    generator = torch.Generator().manual_seed(3)
    convolutions, inputs = {}, 3
    for name, channels in {"1_1": 6, "2_1": 8, "3_1": 8, "4_1": 10, "4_2": 10, "5_1": 10}.items():
        weight = torch.randn(channels, inputs, 3, 3, generator=generator) / (3 * inputs**0.5)
        convolutions[name] = (weight, 0.1 * torch.randn(channels, generator=generator))
        inputs = channels
    return Descriptor((2 * torch.eye(3), -torch.ones(3)), convolutions, "reflect")


def picture(seed, height=64, width=64):
    """Soft blotches, (1, 3, height, width)."""
    coarse = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")


def transfer(descriptor, content=None, styles=None, start_picture=None, clock=time.monotonic, **options):
    return Transfer(
        picture(0) if content is None else content,
        [(picture(1), 1.0)] if styles is None else styles,
        descriptor,
        GatysOptions(**{**QUICK, **options}),
        start=start_picture,
        clock=clock,
    )


class Clock:
    """Every look at it takes a quarter of a second."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.25
        return self.now


def totals(iterations):
    return [iteration.losses.total for iteration in iterations]


@pytest.mark.parametrize("losses", ["balanced", "paper"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_loss_of_lbfgs_never_rises_within_a_scale(descriptor, losses, precision):
    seen = list(transfer(descriptor, losses=losses, precision=precision, iterations=30).run())
    for scale in (0.5, 1.0):
        series = [iteration.losses.total for iteration in seen if iteration.scale == scale]
        assert all(after < before for before, after in pairwise(series))
    assert series[-1] < series[0]


def test_adam_lowers_the_loss(descriptor):
    [first, *_, last] = totals(transfer(descriptor, optimiser="adam", scales=1, iterations=30).run())
    assert last < 0.7 * first


@pytest.mark.parametrize("bounded", [True, False])
def test_an_absurd_learning_rate_is_stepped_back_from(descriptor, bounded):
    adam = transfer(descriptor, optimiser="adam", learning_rate=100, scales=1, iterations=30, bounded=bounded)
    before = adam.descent.losses.total
    series = totals(adam.run())
    assert np.isfinite(series).all()
    assert min(series) < before
    assert max(series) <= 2 * before


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
@pytest.mark.parametrize(
    ("content", "style"),
    [
        (torch.zeros(1, 3, 40, 40), torch.zeros(1, 3, 40, 40)),
        (torch.full((1, 3, 40, 40), 0.5), torch.ones(1, 3, 40, 40)),
        (picture(0), torch.zeros(1, 3, 30, 50)),
        (picture(0, 16, 16), picture(1, 16, 16)),
        (picture(0, 1, 200), picture(1, 200, 1)),
        (picture(0, 1, 1), picture(1, 1, 1)),
        (torch.rand(1, 3, 300, 2), torch.rand(1, 3, 3, 3)),
    ],
    ids=["black", "constant", "black style", "tiny", "strips", "one pixel", "noise strip"],
)
def test_odd_pictures_are_painted(descriptor, optimiser, content, style):
    job = transfer(descriptor, content, [(style, 1.0)], optimiser=optimiser, scales=3)
    assert np.isfinite(totals(job.run())).all()
    assert job.outcome in {"iterations", "flat"}
    height, width = content.shape[2:]
    assert max(job.picture().shape[:2]) == 64
    assert min(job.picture().shape[:2]) == max(1, round(64 * min(height, width) / max(height, width)))


def test_equal_seeds_give_equal_paintings_and_others_do_not(descriptor):
    def painted(seed):
        job = transfer(descriptor, start="noise", seed=seed)
        return totals(job.run()), job.picture()

    (losses, pixels), (again, same), (_, other) = painted(7), painted(7), painted(8)
    assert losses == again
    np.testing.assert_array_equal(pixels, same)
    assert (pixels != other).any()


def test_it_starts_from_the_photo_from_noise_or_from_the_picture_handed_in(descriptor):
    options = {"scales": 1, "palette": False}
    photo = (picture(0)[0] * 255).round().byte().permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(transfer(descriptor, **options).picture(), photo)
    noise = transfer(descriptor, start="noise", seed=5, **options)
    expected = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(noise.descent.picture, expected, rtol=0, atol=0)
    given = torch.full((1, 3, 12, 16), 0.25)
    job = transfer(descriptor, start_picture=given, start="picture")
    assert (job.picture() == 64).all()


def test_a_start_without_its_option_and_the_option_without_a_start_are_refused(descriptor):
    for start, option in ((picture(2), "content"), (None, "picture")):
        with pytest.raises(InvalidOption, match="start=picture"):
            Transfer(picture(0), [(picture(1), 1.0)], descriptor, GatysOptions(start=option), start=start)


def test_the_style_loss_is_linear_in_the_weights(descriptor):
    first, second = picture(1), picture(2, 40, 40)

    def style(*weights):
        styles = list(zip((first, second), weights, strict=True))
        return transfer(descriptor, styles=styles, scales=1, palette=False).descent.losses.style

    blended = style(3.0, 1.0)
    assert blended == pytest.approx(0.75 * style(1.0, 0.0) + 0.25 * style(0.0, 1.0), rel=1e-5)
    assert blended == pytest.approx(style(30.0, 10.0), rel=1e-5)


@pytest.mark.parametrize("weights", [[], [0.0], [-1.0, 2.0], [float("nan")], [float("inf")]])
def test_weights_that_are_none_are_refused(descriptor, weights):
    with pytest.raises(InvalidOption, match="weights"):
        transfer(descriptor, styles=[(picture(1), weight) for weight in weights])


def test_a_layer_that_the_network_lacks_is_refused(descriptor):
    with pytest.raises(InvalidOption, match="relu3_4"):
        transfer(descriptor, content_layers={"relu3_4": 1.0})


@pytest.mark.parametrize(("stroke", "size"), [(0.5, (32, 32)), (1.0, (48, 64)), (2.0, (96, 128))])
def test_stroke_sets_the_size_of_the_painting(descriptor, stroke, size):
    job = transfer(descriptor, styles=[(picture(1, 300, 400), 1.0)], stroke=stroke, scales=1)
    # At half the size 24 x 32 would be too narrow for the deepest layer.
    assert job.objective.targets[0].positions["relu1_1"] == size[0] * size[1]


def test_kept_colours_have_the_photos_chroma(descriptor):
    plain, kept = (transfer(descriptor, color=color) for color in ("style", "keep"))
    for job in (plain, kept):
        list(job.run())
    photo = (picture(0)[0] * 255).round().byte().permute(1, 2, 0).numpy().astype(float)
    painted, result = plain.picture().astype(float), kept.picture().astype(float)
    inside = ((result > 1) & (result < 254)).all(axis=2)
    scale, offset = matching_luma(photo, painted)
    np.testing.assert_allclose(result @ LUMA, painted @ LUMA * scale + offset, atol=1.5)
    chroma, expected = (image - (image @ LUMA)[..., None] for image in (result, photo))
    assert inside.mean() > 0.5
    np.testing.assert_allclose(chroma[inside], expected[inside], atol=2)


def test_it_ends_after_the_iterations(descriptor):
    job = transfer(descriptor, iterations=13, scales=2)
    seen = list(job.run())
    assert job.outcome == "iterations"
    assert [iteration.iteration for iteration in seen] == list(range(1, 14))
    assert {iteration.iterations for iteration in seen} == {13}
    assert [iteration.scale for iteration in seen] == [0.5] * 6 + [1.0] * 7


def test_it_ends_after_the_seconds_with_a_share_for_every_scale(descriptor):
    job = transfer(descriptor, iterations=1000, seconds=20, clock=Clock())
    seen = list(job.run())
    assert job.outcome == "seconds"
    assert seen[-1].seconds == pytest.approx(20, abs=0.5)
    coarse = [iteration.seconds for iteration in seen if iteration.scale == 0.5]
    assert coarse[-1] == pytest.approx(20 / 5, abs=0.5)  # half the edges are a quarter of the pixels: 1 of 1 + 4


def test_it_ends_when_the_loss_is_flat(descriptor):
    job = transfer(descriptor, content=picture(0), iterations=10_000, tolerance=0.2)
    seen = list(job.run())
    assert job.outcome == "flat"
    last = [iteration.losses.total for iteration in seen if iteration.scale == 1.0]
    assert last[-11] - last[-1] < 0.2 * last[-11]
    assert len(last) == 11 or last[-12] - last[-2] >= 0.2 * last[-12]


def test_progress_goes_from_0_to_1_and_the_time_left_to_0(descriptor):
    job = transfer(descriptor, clock=Clock())
    assert (job.progress, job.eta_seconds) == (0.0, None)
    progress = [(job.progress, job.eta_seconds) for _ in job.run()]
    shares = [share for share, _ in progress]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(1 / 6 / 5)
    assert progress[0][1] == pytest.approx(0.25 * (30 - 1))
    assert (job.progress, job.eta_seconds) == (1.0, 0.0)


def written_and_read(checkpoint):
    """Through the bytes that a checkpoint is stored as."""
    return GatysCheckpoint(load(save(checkpoint.tensors)), json.loads(json.dumps(checkpoint.state)))


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
@pytest.mark.parametrize("after", [1, 9, 15, 16, 22])
def test_a_restart_goes_on_from_the_iteration_and_loss_of_its_checkpoint(descriptor, optimiser, after):
    options = {"optimiser": optimiser, "iterations": 30}
    interrupted = transfer(descriptor, **options)
    done = list(islice(interrupted.run(), after))
    resumed = transfer(descriptor, **options)
    resumed.restore(written_and_read(interrupted.checkpoint()))
    assert resumed.descent.losses == done[-1].losses
    assert (resumed.seconds, resumed.progress) == (interrupted.seconds, interrupted.progress)
    np.testing.assert_array_equal(resumed.picture(), interrupted.picture())
    rest = list(resumed.run())
    assert [iteration.iteration for iteration in rest] == list(range(after + 1, 31))
    if rest[0].scale == done[-1].scale and optimiser == "lbfgs":
        assert rest[0].losses.total < done[-1].losses.total
    # The curvature is learnt anew, which so small a picture pays with some of its few iterations.
    assert rest[-1].losses.total < 1.5 * totals(transfer(descriptor, **options).run())[-1]


def test_a_finished_transfer_is_restored_as_finished(descriptor):
    job = transfer(descriptor)
    list(job.run())
    again = transfer(descriptor)
    again.restore(written_and_read(job.checkpoint()))
    assert again.outcome == job.outcome
    assert list(again.run()) == []
    np.testing.assert_array_equal(again.picture(), job.picture())


def test_a_checkpoint_of_another_transfer_is_refused(descriptor):
    checkpoint = transfer(descriptor).checkpoint()
    with pytest.raises(ForeignCheckpoint, match="options"):
        transfer(descriptor, content_weight=0.5).restore(checkpoint)
    with pytest.raises(ForeignCheckpoint, match="size"):
        transfer(descriptor, content=picture(0, 48, 64)).restore(checkpoint)


def test_a_checkpoint_is_no_larger_than_the_picture_however_long_the_history(descriptor):
    job = transfer(descriptor, history=100, scales=1, iterations=40)
    list(islice(job.run(), 39))
    assert len(job.descent.pairs) > 20
    assert len(save(job.checkpoint().tensors)) < 4 * job.descent.picture.numel() + 1000


def test_the_picture_has_the_final_size_from_the_first_scale_on(descriptor):
    job = transfer(descriptor, picture(0, 75, 100), size=100, scales=2)
    assert {job.picture().shape for _ in job.run()} == {(75, 100, 3)}


def test_the_callers_network_is_left_alone(descriptor):
    transfer(descriptor, precision="bfloat16")
    assert descriptor.dtype == torch.float32


@pytest.mark.parametrize(
    ("has", "dtype"),
    [({}, torch.float32), ({"avx512_bf16": True}, torch.bfloat16), ({"amx_bf16": True}, torch.bfloat16)],
)
def test_auto_precision_asks_the_processor_what_the_engine_asks(monkeypatch, has, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    assert wanted_precision(GatysOptions(), torch.device("cpu")) == dtype
    assert choose_dtype("cpu", "auto") == dtype
    assert fitting_precision(torch.device("cpu")) == str(dtype).removeprefix("torch.")
