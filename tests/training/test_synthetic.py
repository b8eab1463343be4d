"""Pictures made by rule: the same for a step every time, and like photos where it counts."""

import numpy as np
import pytest
import torch

from app.training.recipe import Schedule
from app.training.synthetic import BuiltInPictures, draw_scene, power_law, texture


def built_in(**members):
    return BuiltInPictures(3, Schedule.model_validate({"steps": 4, "batch": 3, "crop": 96} | members))


def test_a_step_has_the_same_pictures_every_time():
    one, other = built_in().sample(2), built_in().sample(2)
    assert torch.equal(one.photos, other.photos)
    assert torch.equal(one.styles, other.styles)


def test_steps_salts_seeds_and_places_have_pictures_of_their_own():
    samples = [built_in().sample(2), built_in().sample(3), built_in().sample(2, 1), built_in(seed=9).sample(2)]
    pictures = [picture for sample in samples for picture in sample.photos]
    assert len(pictures) == 12
    assert not any(torch.equal(a, b) for i, a in enumerate(pictures) for b in pictures[:i])


def test_processes_take_their_shares_of_the_same_batch():
    whole = built_in().sample(1)
    first, second = (built_in().sample(1, rank=rank, processes=2) for rank in range(2))
    assert torch.equal(first.photos, whole.photos[0::2])
    assert torch.equal(second.photos, whole.photos[1::2])
    assert torch.equal(first.styles, whole.styles[0::2])


def test_a_stream_goes_on_from_any_step():
    whole = list(built_in().stream(0))
    assert len(whole) == 4
    for sample, expected in zip(built_in().stream(2), whole[2:], strict=True):
        assert torch.equal(sample.photos, expected.photos)


@pytest.mark.parametrize("edge", [64, 100, 256])
def test_pictures_have_the_size_and_range_of_photos(edge):
    sample = built_in(crop=edge, batch=2).sample(0)
    assert sample.photos.shape == (2, 3, edge, edge)
    assert sample.photos.dtype == torch.float32
    assert 0 <= sample.photos.min() < sample.photos.max() <= 1


def test_the_share_of_plain_pictures_is_that_of_the_recipe():
    """Those have a slope and the noise of a camera, which is a hundredth of the range from pixel to pixel."""
    pictures = torch.cat([built_in(plain=1).sample(step).photos for step in range(8)])
    assert pictures.diff(dim=3).abs().mean(dim=(1, 2, 3)).max() < 0.025
    scenes = torch.cat([built_in(plain=0).sample(step).photos for step in range(8)])
    assert scenes.diff(dim=3).abs().mean(dim=(1, 2, 3)).max() > 0.02


def test_scenes_have_contrast_edges_and_few_strong_colours():
    """Means over 825 photos: contrast 0.21, mean step to the next pixel 0.030, saturation 0.16."""
    scenes = np.stack([draw_scene(np.random.default_rng(number), 128) for number in range(24)]) / 255
    contrast = scenes.mean(axis=3).std(axis=(1, 2)).mean()
    steps = np.abs(np.diff(scenes, axis=2)).mean()
    saturation = np.ptp(scenes, axis=3).mean()
    assert 0.1 < contrast < 0.35
    assert 0.01 < steps < 0.08
    assert 0.05 < saturation < 0.3


def test_no_scene_is_of_one_colour():
    assert all(draw_scene(np.random.default_rng((1, number)), 64).std() > 0 for number in range(100))


def test_a_texture_has_its_slope():
    values = np.mean([np.abs(np.fft.rfft2(texture(np.random.default_rng(n), 128, 1.5))) for n in range(16)], axis=0)
    low, high = values[0, 4], values[0, 16]
    assert np.log(low / high) / np.log(4) == pytest.approx(1.5, abs=0.4)


def test_radii_keep_their_bounds_and_small_ones_are_many():
    radii = power_law(np.random.default_rng(0), 10_000, 0.01, 0.5, 3.0)
    assert radii.min() >= 0.01
    assert radii.max() <= 0.5
    assert np.median(radii) < 0.02
