"""The stylizer, with a generator whose output is known exactly and with the real one."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from engine_fakes import CPU, Affine, affine_stylizer, random_stylizer
from PIL import Image

from app.engine.device import Device
from app.engine.openvino_graph import NonFiniteError
from app.engine.repainting import Repainting
from app.engine.row import Row
from app.errors import InvalidOption, UnknownStyle
from app.imaging.stroke import at_size
from app.nets.precision import supports_bfloat16

ALL_BYTES = np.arange(256 * 3, dtype=np.int64).reshape(16, 16, 3).astype(np.uint8)


@pytest.fixture(scope="module")
def photos():
    folder = Path(skimage.__file__).parent / "data"
    pictures = [Image.open(folder / name).convert("RGB") for name in ("astronaut.png", "chelsea.png", "coffee.png")]
    return [np.asarray(picture.resize((96, 80))) for picture in pictures]


def real_stylizer(dtype=torch.float32):
    return random_stylizer(dataclasses.replace(CPU, dtype=dtype))


def in_one_batch(stylizer):
    """The same stylizer, made to run batches at once as on a GPU."""

    class Batching(Device):
        gains_from_batches = True

    stylizer.device = Batching(CPU.torch_device, stylizer.device.dtype, "cpu")
    return stylizer


def test_an_identity_network_gives_every_byte_back():
    [painted] = affine_stylizer().paint([ALL_BYTES], [{"plain": 1.0}])
    assert painted.dtype == np.uint8
    assert np.array_equal(painted, ALL_BYTES)


def test_the_picture_given_is_left_alone_even_if_read_only_or_a_view():
    picture = ALL_BYTES.copy()[::-1, ::-1]
    picture.setflags(write=False)
    [painted] = affine_stylizer(gamma=0.5).paint([picture], [{"plain": 1.0}])
    assert np.array_equal(picture[::-1, ::-1], ALL_BYTES)
    assert painted.flags.c_contiguous


def test_a_painting_is_enlarged_and_painted_over_in_equal_parts():
    # The first painting halves the values' distance from 0; the second does it again.
    [painted] = affine_stylizer(gamma=0.5).paint(
        [np.full((16, 16, 3), 200, np.uint8)], [{"plain": 1.0}], Repainting(size=(40, 24))
    )
    assert painted.shape == (24, 40, 3)
    assert np.array_equal(np.unique(painted), [75])  # of 100 and 50


def test_painting_over_is_painting_the_enlarged_painting(photos):
    stylizer, blend = real_stylizer(), {"a": 1.0}
    [twice] = stylizer.paint(photos[:1], [blend], Repainting(size=(160, 120)))
    [once] = stylizer.paint(photos[:1], [blend])
    enlarged = at_size(once, 160, 120)
    [again] = stylizer.paint([enlarged], [blend])
    assert np.abs(twice - (enlarged.astype(float) + again) / 2).max() <= 0.5


@pytest.mark.parametrize(("boldness", "expected"), [(0.0, 100), (0.25, 88), (0.5, 75), (1.0, 50)])
def test_boldness_is_the_share_of_a_second_painting(boldness, expected):
    stylizer = affine_stylizer(gamma=0.5)
    [painted] = stylizer.paint([np.full((16, 16, 3), 200, np.uint8)], [{"plain": 1.0}], Repainting(boldness))
    assert np.array_equal(np.unique(painted), [expected])  # 100 once, 50 twice
    assert len(stylizer._generator.batches) == (2 if boldness else 1)


def test_a_network_that_does_not_see_the_photo_paints_once():
    stylizer = affine_stylizer(gamma=0.5)
    stylizer._generator.has_photo = False
    [painted] = stylizer.paint([np.full((16, 16, 3), 200, np.uint8)], [{"plain": 1.0}], Repainting(1.0, (32, 32)))
    assert np.array_equal(painted, np.full((16, 16, 3), 100, np.uint8))


def test_pictures_that_are_painted_over_together_do_not_mix(photos):
    stylizer, blend = in_one_batch(real_stylizer()), {"a": 1.0}
    together = stylizer.paint(photos, [blend] * 3, Repainting(size=(160, 120)))
    for photo, painted in zip(photos, together, strict=True):
        [alone] = stylizer.paint([photo], [blend], Repainting(size=(160, 120)))
        assert np.abs(alone.astype(int) - painted).max() <= 1


@pytest.mark.parametrize(
    ("beta", "expected"),
    [(100.49 / 255, 100), (100.51 / 255, 101), (254.6 / 255, 255), (0.4 / 255, 0), (1.2, 255), (-0.2, 0)],
)
def test_values_are_rounded_to_the_nearest_byte_and_never_wrap(beta, expected):
    [painted] = affine_stylizer(gamma=0.0, beta=beta).paint([ALL_BYTES], [{"plain": 1.0}])
    assert np.unique(painted).tolist() == [expected]


@pytest.mark.parametrize("together", [False, True])
def test_each_sample_of_a_batch_gets_its_own_style_or_blend(together):
    stylizer = affine_stylizer(("dark", "light"), gamma=[0.0, 0.0], beta=[50 / 255, 200 / 255])
    if together:
        in_one_batch(stylizer)
    blends = [{"dark": 1.0}, {"light": 1.0}, {"dark": 0.4, "light": 0.6}]
    painted = stylizer.paint([ALL_BYTES] * 3, blends)
    assert [np.unique(p).tolist() for p in painted] == [[50], [200], [140]]


def test_on_the_cpu_a_batch_runs_picture_by_picture_and_elsewhere_at_once():
    stylizer = affine_stylizer()
    stylizer.paint([ALL_BYTES] * 3, [{"plain": 1.0}] * 3)
    assert stylizer._generator.batches == [(1, 3, 16, 16)] * 3
    stylizer = in_one_batch(affine_stylizer())
    stylizer.paint([ALL_BYTES] * 3, [{"plain": 1.0}] * 3)
    assert stylizer._generator.batches == [(3, 3, 16, 16)]


def test_a_broken_row_spoils_only_the_pictures_that_use_it():
    stylizer = in_one_batch(affine_stylizer(("good", "broken"), gamma=[1.0, float("nan")]))
    [painted] = stylizer.paint([ALL_BYTES], [{"good": 1.0, "broken": 0.0}])
    assert np.array_equal(painted, ALL_BYTES)
    mixed = stylizer._mix({"good": 1.0})
    assert torch.isfinite(torch.cat(mixed)).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_an_output_that_is_not_a_number_is_an_error_and_not_a_black_picture(bad):
    with pytest.raises(NonFiniteError):
        affine_stylizer(beta=bad).paint([ALL_BYTES], [{"plain": 1.0}])


def test_unknown_styles_are_named():
    with pytest.raises(UnknownStyle, match="no style missing"):
        affine_stylizer().paint([ALL_BYTES], [{"plain": 0.5, "missing": 0.5}])


@pytest.mark.parametrize(
    "blend",
    [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": float("nan")}, {"a": float("inf"), "b": 0.0}, {"a": 1.001}],
)
def test_weights_that_are_no_blend_are_refused(blend):
    with pytest.raises(InvalidOption):
        affine_stylizer(("a", "b")).paint([ALL_BYTES], [blend])


def test_weights_rounded_by_a_client_are_a_blend():
    affine_stylizer(("a", "b", "c")).paint([ALL_BYTES], [{"a": 0.33333, "b": 0.33333, "c": 0.33333}])


def test_warming_measures_the_speed():
    stylizer = affine_stylizer()
    assert stylizer.megapixels_per_second is None
    stylizer.warm()
    assert stylizer.megapixels_per_second > 0
    assert stylizer._generator.batches == [(1, 3, 512, 512)] * 2


def test_on_the_cpu_a_mixed_batch_is_bit_equal_to_the_samples_alone(photos):
    stylizer = real_stylizer()
    blends = [{"a": 1.0}, {"b": 0.7, "c": 0.3}, {"c": 1.0}]
    together = stylizer.paint(photos, blends)
    for photo, blend, painted in zip(photos, blends, together, strict=True):
        [alone] = stylizer.paint([photo], [blend])
        assert np.array_equal(alone, painted)


def test_a_batch_at_once_differs_from_the_samples_alone_by_one_step_at_most(photos):
    """Other batch sizes choose other convolution kernels, which add in another order.

    The last bits of float32 then differ, and where a value lies on the border of two bytes, so does the byte.
    """
    stylizer = real_stylizer()
    blends = [{"a": 1.0}, {"b": 0.7, "c": 0.3}, {"c": 1.0}]
    alone = np.stack(stylizer.paint(photos, blends)).astype(int)
    together = np.stack(in_one_batch(stylizer).paint(photos, blends)).astype(int)
    assert np.abs(alone - together).max() <= 1
    assert (alone != together).mean() < 0.001


@pytest.mark.skipif(not supports_bfloat16("cpu"), reason="this processor has no bfloat16 arithmetic")
def test_bfloat16_differs_from_float32_by_about_one_step_and_shifts_no_colour(photos):
    """Fourteen layers round weights and activations to 8 bits: 0.8 to 1.0 steps measured, over nine sets of rows."""
    blends = [{"a": 1.0}, {"b": 1.0}, {"c": 1.0}]
    exact = np.stack(real_stylizer().paint(photos, blends)).astype(int)
    narrow = np.stack(real_stylizer(torch.bfloat16).paint(photos, blends)).astype(int)
    difference = narrow - exact
    assert 0 < np.abs(difference).mean() < 1.5
    assert np.abs(difference.mean(axis=(1, 2))).max() < 0.25


def test_the_last_layer_stays_float32():
    generator = real_stylizer(torch.bfloat16)._generator
    assert generator.last.conv.weight.dtype == torch.float32
    assert generator.entry.conv.weight.dtype == torch.bfloat16


def test_the_generator_is_put_into_inference_mode():
    stylizer = affine_stylizer()
    assert isinstance(stylizer._generator, Affine)
    assert not stylizer._generator.training
    assert not any(p.requires_grad for p in real_stylizer()._generator.parameters())


def row(gamma, beta, name="style:1"):
    return Row(name, torch.tensor([float(gamma)]), torch.tensor([float(beta)]))


def test_a_row_beside_the_models_own_paints_like_one_of_them():
    stylizer = affine_stylizer(gamma=0.5, beta=0.1)
    own, beside = stylizer.paint([ALL_BYTES] * 2, [{"plain": 1.0}, {row(0.5, 0.1): 1.0}])
    assert np.array_equal(own, beside)


def test_rows_mix_with_the_models_own_in_any_order():
    stylizer = affine_stylizer(gamma=0)
    white, gray = row(0, 1), row(0, 0.5, "style:2")
    for blend in ({"plain": 0.5, white: 0.25, gray: 0.25}, {gray: 0.25, white: 0.25, "plain": 0.5}):
        [painted] = stylizer.paint([ALL_BYTES], [blend])
        assert (painted == round(255 * 0.375)).all()
        assert stylizer.fingerprint(blend) == stylizer.fingerprint({gray: 0.25, white: 0.25, "plain": 0.5})


def test_the_fingerprint_is_that_of_the_row_and_not_of_its_name():
    stylizer = affine_stylizer()
    assert stylizer.fingerprint({row(1, 0): 1.0}) == stylizer.fingerprint({row(1, 0, "another name"): 1.0})
    assert stylizer.fingerprint({row(1, 0): 1.0}) != stylizer.fingerprint({row(1, 0.1): 1.0})
    assert stylizer.fingerprint({row(1, 0): 0.0, "plain": 1.0}) == stylizer.fingerprint({"plain": 1.0})


def test_a_row_of_another_width_is_refused():
    with pytest.raises(UnknownStyle, match="style:1 is of another model"):
        affine_stylizer().paint([ALL_BYTES], [{Row("style:1", torch.ones(4), torch.zeros(4)): 1.0}])


def test_a_row_survives_as_bytes():
    made = Row("style:1", torch.tensor([1.5, -2.0]), torch.tensor([0.25, 3e-8]))
    again = Row.from_bytes("style:1", made.to_bytes())
    assert again == made
    assert torch.equal(again.gamma, made.gamma)
    assert torch.equal(again.beta, made.beta)
