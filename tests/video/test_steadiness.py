"""Frames and paintings whose outcome is known: equal frames, noise, a pan, a cut."""

import numpy as np
import pytest
import torch
from PIL import Image

from app.video.motion import found_flow, grid
from app.video.quick_steadiness import QuickSteadiness
from app.video.steadiness import SAME_SCENE, Keeping, Steadiness


@pytest.fixture(scope="module")
def scene():
    """(120, 160, 3): clouds of 8 pixels."""
    small = np.random.default_rng(0).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC))


def flat(value, like):
    return np.full_like(like, value)


def test_the_first_painting_is_shown_as_it_is(scene):
    painted = 255 - scene
    assert np.array_equal(Steadiness()(scene, painted), painted)


def test_of_equal_frames_the_share_is_kept(scene):
    steadiness = Steadiness(Keeping(share=0.75))
    shown = [steadiness(scene, flat(value, scene)) for value in (200, 100, 100)]
    # 200; 0.75 * 200 + 0.25 * 100 = 175; 0.75 * 175 + 25 = 156.25
    assert [np.unique(each).tolist() for each in shown] == [[200], [175], [156]]


def test_a_cameras_noise_is_no_change(scene):
    rng, steadiness = np.random.default_rng(1), Steadiness()
    shown = []
    for value in (200, 100, 100, 100):
        noisy = np.clip(scene + rng.normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
        shown.append(float(steadiness(noisy, flat(value, scene)).mean()))
    assert shown == pytest.approx([200, 185, 172, 161], abs=3)


def test_a_cut_shows_the_new_painting_as_it_is(scene):
    steadiness = Steadiness()
    steadiness(scene, flat(200, scene))
    other = np.ascontiguousarray(255 - scene[::-1, ::-1])
    assert np.array_equal(steadiness(other, flat(100, scene)), flat(100, scene))


def test_a_few_likenesses_with_another_scene_are_not_kept():
    frame = torch.zeros(1, 1, 64, 64)
    before = torch.full((1, 1, 64, 64), 255.0)
    before[:, :, :16, :16] = 0  # a sixteenth, less than SAME_SCENE
    assert SAME_SCENE > 1 / 16
    assert not Keeping().weight(frame, before).any()
    before[:, :, :32, :32] = 0
    assert Keeping().weight(frame, before).max() == pytest.approx(0.85)


def test_frames_of_another_size_begin_anew(scene):
    steadiness = Steadiness()
    steadiness(scene, flat(200, scene))
    smaller = np.ascontiguousarray(scene[:60])
    assert np.array_equal(steadiness(smaller, flat(100, smaller)), flat(100, smaller))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 2), (-3, 1), (5, -6)])
def test_a_pan_is_found_to_a_fifth_of_a_pixel(scene, down, right):
    large = torch.from_numpy(scene.copy()).permute(2, 0, 1)[None].float() / 255
    before, frame = large[:, :, 10:110, 10:150], large[:, :, 10 + down : 110 + down, 10 + right : 150 + right]
    pixels = (found_flow(before, frame) - grid(100, 140)[None]) * torch.tensor([140, 100]) / 2
    inner = pixels[0, 20:-20, 20:-20]
    assert (inner - torch.tensor([right, down])).abs().mean() < 0.2


def test_what_was_painted_moves_with_what_moves(scene):
    steadiness = Steadiness(Keeping(share=1.0))
    mark = np.zeros_like(scene[:100, :140])
    mark[40:60, 60:80] = 255
    steadiness(np.ascontiguousarray(scene[10:110, 10:150]), mark)
    shown = steadiness(np.ascontiguousarray(scene[10:110, 14:154]), np.zeros_like(mark))
    expected = np.zeros_like(mark)
    expected[40:60, 56:76] = 255  # the camera went 4 pixels to the right
    assert np.abs(shown.astype(int) - expected)[20:80, 30:110].mean() < 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 3), (33, 2)])
def test_frames_of_any_size_are_steadied(shape):
    frame = np.full((*shape, 3), 90, np.uint8)
    steadiness = Steadiness()
    assert steadiness(frame, flat(200, frame)).shape == frame.shape
    assert np.array_equal(steadiness(frame, flat(100, frame)), flat(185, frame))


class OfOne(QuickSteadiness):
    """Of frames with one painting each."""

    def __call__(self, frame, painted):
        [shown] = super().__call__(frame, [painted])
        return shown


@pytest.mark.parametrize("way", [Steadiness, OfOne])
def test_a_light_that_flickers_moves_nothing(scene, way):
    """Lamps and a camera's own exposure change all levels alike; the strokes that were painted stay."""
    steadiness, shown = way(), []
    for light in (0.9, 0.84, 0.96, 0.9):
        lit = np.clip(light * scene.astype(float), 0, 255).astype(np.uint8)
        shown.append(float(steadiness(lit, flat(200 if not shown else 100, scene)).mean()))
    assert shown == pytest.approx([200, 185, 172, 161], abs=2)


def shifted(scene, by):
    return np.ascontiguousarray(scene[:, by : by + 128])


def test_live_frames_keep_what_stays_and_what_moves_and_nothing_after_a_cut(scene):
    """In one pass each: the same share as of clips, found at half of the size."""
    steadiness = OfOne(Keeping(share=0.75, window=5))
    shown = [steadiness(scene, flat(value, scene)) for value in (200, 100, 100)]
    assert [np.unique(each).tolist() for each in shown] == [[200], [175], [156]]
    cut = np.ascontiguousarray(255 - scene[::-1, ::-1])
    assert np.array_equal(steadiness(cut, flat(100, scene)), flat(100, scene))


def test_strokes_of_live_frames_move_with_what_moves(scene):
    steadiness, strokes = OfOne(), 255 - scene
    steadiness(shifted(scene, 0), shifted(strokes, 0))
    for by in range(2, 14, 2):
        # What the network paints now has other strokes: nothing but what was kept is like the first ones.
        shown = steadiness(shifted(scene, by), flat(128, shifted(scene, by)))
    kept = np.corrcoef(shown[16:-16, 16:-16].ravel(), shifted(strokes, 12)[16:-16, 16:-16].ravel())[0, 1]
    lagging = np.corrcoef(shown[16:-16, 16:-16].ravel(), shifted(strokes, 0)[16:-16, 16:-16].ravel())[0, 1]
    assert kept > 0.9 > lagging


def test_a_live_frame_of_another_size_begins_anew(scene):
    steadiness = OfOne()
    steadiness(scene, flat(200, scene))
    small = np.ascontiguousarray(scene[::2, ::2])
    assert np.array_equal(steadiness(small, flat(100, small)), flat(100, small))
    odd = np.ascontiguousarray(scene[:119, :157])
    assert steadiness(odd, odd).shape == (119, 157, 3)


@pytest.mark.parametrize("way", [Steadiness, OfOne])
def test_what_comes_into_the_picture_is_not_smeared_over_its_edge(scene, way):
    steadiness, strokes = way(), 255 - scene
    for by in range(0, 24, 3):
        shown = steadiness(shifted(scene, by), shifted(strokes, by))
    # As it is painted, up to what is found in the last steps.
    edge = np.abs(shown[8:-8, -3:].astype(int) - shifted(strokes, 21)[8:-8, -3:]).mean()
    assert edge < 2


def test_each_painting_of_a_live_frame_keeps_its_own_strokes(scene):
    steadiness = QuickSteadiness(Keeping(share=0.75, window=5))
    steadiness(scene, [flat(200, scene), flat(40, scene)])
    shown = steadiness(scene, [flat(100, scene), flat(80, scene)])
    assert [np.unique(each).tolist() for each in shown] == [[175], [50]]
    [alone] = steadiness(scene, [flat(10, scene)])
    assert np.unique(alone).tolist() == [10]
