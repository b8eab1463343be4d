"""Results that are larger than an answer's, by the shipped network, with limits so low that small ones are."""

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image

from app.engine import tiled_painter
from app.engine.device import Device, can_compile
from app.engine.large import FINEST, MOST_ENLARGED, detailed, shares, steps
from app.engine.region import Manner, Region
from app.engine.render import Large, Rendering
from app.engine.stylizer import Stylizer
from app.errors import InvalidOption, PictureTooLarge
from app.imaging.encode import MAX_MEGAPIXELS
from app.imaging.picture import Picture
from app.imaging.polygon import Polygon
from app.imaging.resize import resize
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS, Settings

DEVICE = Device(torch.device("cpu"), torch.float32, "cpu", threads=1, compiles=can_compile())
STYLE = {"great_wave": 1.0}


def stylizer_of(name):
    model = Repository(SHIPPED_MODELS).load(name)
    return Stylizer(model.generator, model.rows, model.manifest.style_ids, DEVICE)


@pytest.fixture(scope="module")
def stylizer():
    return stylizer_of("compact")


@pytest.fixture(scope="module")
def photo():
    path = Path(skimage.__file__).parent / "data" / "astronaut.png"
    return np.asarray(Image.open(path).convert("RGB").resize((320, 240)))


def coded(pixels, format="png"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def rendering(stylizer, size=960, stroke="auto", color="style", strength=1.0, boldness=0.0, blend=STYLE, **limits):
    settings = Settings(**({"edge_pixels": 640, "network_edge_pixels": 320} | limits))
    return Rendering(stylizer, blend, settings, size, stroke, color, strength, boldness)


def large(format="png", told=lambda share: None):
    return Large(format, told)


def sharpness(pixels):
    values = pixels.astype(float)
    return np.square(np.diff(values, axis=0)).mean() + np.square(np.diff(values, axis=1)).mean()


@pytest.mark.parametrize(("painted", "size"), [((1024, 768), (11_547, 8660)), ((768, 1024), (4000, 5333))])
def test_steps_lead_to_the_finest_one_and_none_is_larger_than_allowed(painted, size):
    found = [painted, *steps(painted, size)]
    assert max(found[-1]) == round(FINEST * max(size))
    for before, after in pairwise(found):
        assert 1 < max(after) / max(before) <= MOST_ENLARGED + 0.01
        assert after[0] / after[1] == pytest.approx(size[0] / size[1], rel=0.002)


def test_a_result_that_is_hardly_larger_is_not_painted_over_again():
    assert steps((1024, 768), (1400, 1050)) == []


def test_shares_of_steps_are_those_of_their_pixels():
    told = []
    first, second = shares([(10, 10), (30, 10)], told.append)
    for report in (first, second):
        report(0.5)
        report(1)
    assert told == [0.125, 0.25, 0.625, 1]


def test_only_the_detail_of_a_painting_over_is_taken(photo):
    """Of one that is darker and rough: the roughness, at half of its height, and not the darkness."""
    rough = (photo // 2 + 60 * (np.indices(photo.shape).sum(axis=0) % 2)).astype(np.uint8)
    soft = np.full_like(photo, 128)
    result = detailed(3.0)(soft, np.full_like(photo, 40) + rough // 4)
    assert abs(result.mean() - 128) < 0.5
    assert result.std() > 2
    assert np.array_equal(detailed(3.0)(photo, np.full_like(photo, 40)), photo)


def test_a_large_result_is_crisp_and_reduced_it_is_the_small_painting(stylizer, photo):
    told = []
    result = rendering(stylizer).of_photo(coded(photo), large(told=told.append))
    assert (result.width, result.height) == (960, 720)
    small = rendering(stylizer, size=320, edge_pixels=320).of_photo(coded(photo))
    assert sharpness(result.rgb) > 1.5 * sharpness(resize(small, 960, 720).rgb)
    again = resize(result, 320, 240).rgb.astype(int)
    assert np.abs(again - small.rgb).mean() < 6
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.parametrize("boldness", [0.0, 0.5])
def test_with_a_number_as_the_stroke_it_is_what_one_pass_would_paint(stylizer, photo, boldness, monkeypatch):
    monkeypatch.setattr(tiled_painter, "TILE_EDGE", 304)
    wanted = rendering(stylizer, 400, 1.0, boldness=boldness, edge_pixels=640, network_edge_pixels=640)
    tiled = rendering(stylizer, 400, 1.0, boldness=boldness, edge_pixels=320, network_edge_pixels=320)
    difference = np.abs(tiled.of_photo(coded(photo), large()).rgb.astype(int) - wanted.of_photo(coded(photo)).rgb)
    # Sums of floats in another order: a hundredth of the values is off by a step. Where two such steps meet, or what is
    # painted over has been rounded first, one may become two.
    assert np.mean(difference > 1) < 1e-4
    assert difference.max() <= 2
    assert difference.mean() < 0.05


def test_a_coarse_stroke_needs_no_tiles(stylizer, photo, monkeypatch):
    monkeypatch.setattr(tiled_painter, "TiledPainter", None)
    result = rendering(stylizer, 800, 4.0, edge_pixels=640).of_photo(coded(photo), large())
    assert (result.width, result.height) == (800, 600)


def test_without_strength_it_is_the_photo(stylizer, photo):
    result = rendering(stylizer, strength=0.0).of_photo(coded(photo), large())
    assert np.abs(result.rgb.astype(int) - resize(Picture(photo), 960, 720).rgb).max() <= 1


@pytest.mark.parametrize("color", ["keep", "match"])
def test_colours_are_the_photos_and_alpha_is_kept(stylizer, photo, color):
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[:, :160] = 0
    result = rendering(stylizer, color=color, strength=0.8).of_photo(coded(np.dstack([photo, alpha])), large())
    assert np.abs(result.rgb.mean(axis=(0, 1)) - photo.mean(axis=(0, 1))).max() < 12
    assert result.alpha is not None
    assert result.alpha[:, :470].max() == 0
    assert result.alpha[:, 490:].min() == 255


def test_a_mask_says_where_the_photo_stays(stylizer, photo):
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[:, 160:] = 255
    painted = rendering(stylizer).of_photo(coded(photo), large()).rgb
    masked = replace(rendering(stylizer), mask=coded(mask)).of_photo(coded(photo), large()).rgb
    assert np.array_equal(masked[:, 500:], painted[:, 500:])
    assert np.abs(masked[:, :460].astype(int) - resize(Picture(photo), 960, 720).rgb[:, :460]).max() <= 1


def test_a_photo_of_more_pixels_than_a_request_may_have_is_read_for_a_small_result_too(stylizer, photo):
    few = {"picture_megapixels": 0.05, "large_megapixels": 0.5}
    result = rendering(stylizer, 64, **few).of_photo(coded(photo, "jpeg"), large())
    assert (result.width, result.height) == (64, 48)
    with pytest.raises(PictureTooLarge):
        rendering(stylizer, 64, **few).of_photo(coded(photo, "jpeg"))


def test_a_size_beyond_the_pixels_is_refused_with_the_one_that_fits(stylizer, photo):
    with pytest.raises(InvalidOption, match=r"a `size` of 900 makes 0.608 megapixels; at most 0.5 .* `size` of 816"):
        rendering(stylizer, 900, large_megapixels=0.5).of_photo(coded(photo), large())
    own = rendering(stylizer, None, large_megapixels=0.06, edge_pixels=100).of_photo(coded(photo), large())
    assert own.width == 282


def test_a_format_that_would_need_too_much_memory_is_refused_before_it_is_painted(stylizer, photo, monkeypatch):
    monkeypatch.setitem(MAX_MEGAPIXELS, "webp", 0.3)
    with pytest.raises(InvalidOption, match="ask for JPEG or PNG"):
        rendering(stylizer).of_photo(coded(photo), large("webp"))


def test_a_model_that_sees_no_photo_paints_nothing_so_large(photo):
    texture = stylizer_of("texture-starry-night")
    blend = {texture.style_ids[0]: 1.0}
    with pytest.raises(InvalidOption, match="smaller `size`"):
        rendering(texture, stroke=1.0, blend=blend).of_photo(coded(photo), large())


def test_what_the_progress_raises_ends_it(stylizer, photo):
    class StopError(Exception):
        pass

    def stop(share):
        raise StopError

    with pytest.raises(StopError):
        rendering(stylizer).of_photo(coded(photo), large(told=stop))


def test_regions_lie_over_the_rest_in_their_own_style_and_colours(stylizer, photo):
    """One that is painted, one that leaves the photo, and one by a mask, of a photo painted in tiles."""
    left, right = (Polygon(((x, 0), (x + 0.25, 0), (x + 0.25, 1), (x, 1)), 0.0) for x in (0.0, 0.75))
    below = np.zeros((240, 320), np.uint8)
    below[200:] = 255
    other = Manner({"udnie": 1.0}, 0.7, "keep")
    regions = (Region(left, other), Region(right, Manner(STYLE, 0.0, "style")), Region("below", other))
    told = []
    plain = rendering(stylizer)
    parted = replace(plain, regions=regions, region_masks={"below": coded(below)})
    result = parted.of_photo(coded(photo), large(told=told.append)).rgb
    painted = {
        "rest": plain.of_photo(coded(photo), large()).rgb,
        "other": rendering(stylizer, color="keep", strength=0.7, blend=other.blend).of_photo(coded(photo), large()).rgb,
        "photo": rendering(stylizer, strength=0.0).of_photo(coded(photo), large()).rgb,
    }
    for name, rows, columns in (
        # Masks are enlarged, too, and have edges of some pixels then.
        ("rest", slice(0, 585), slice(255, 705)),
        ("other", slice(0, 720), slice(0, 225)),
        ("photo", slice(0, 585), slice(735, 960)),
        ("other", slice(615, 720), slice(0, 960)),
    ):
        np.testing.assert_array_equal(result[rows, columns], painted[name][rows, columns])
    assert told == sorted(told)
