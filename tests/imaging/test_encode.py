from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from picture_files import decibels, photo
from PIL import Image, JpegImagePlugin, features

from app.errors import InvalidOption
from app.imaging.decode import decode
from app.imaging.encode import FORMATS, encode
from app.imaging.picture import Picture


@pytest.fixture(scope="module")
def picture():
    return Picture(np.array(photo("coffee.png", (120, 80))))


@pytest.fixture(scope="module")
def translucent(picture):
    return Picture(picture.rgb, np.tile(np.linspace(0, 255, 120).astype(np.uint8), (80, 1)))


def test_avif_is_offered_where_pillow_has_it():
    names = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
    assert dict(FORMATS) == names | ({"avif": "image/avif"} if features.check("avif") else {})


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_holds_the_picture_and_no_metadata(picture, format):
    data = encode(picture, format, 90)
    with Image.open(BytesIO(data)) as image:
        assert image.get_format_mimetype() == FORMATS[format]
        assert image.mode == "RGB"
        assert not {"icc_profile", "exif", "xmp", "comment"} & {k for k, v in image.info.items() if v}
        # Quality 90 of the lossy codecs has 33 dB and more on this photo; 30 tells a wrong picture from a
        # lossy one.
        assert decibels(np.asarray(image), picture.rgb) > (30 if format != "png" else 1000)


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"jpeg"}))
def test_alpha_is_kept_where_the_format_has_it(translucent, format):
    with Image.open(BytesIO(encode(translucent, format, 90))) as image:
        alpha = np.asarray(image.getchannel("A")).astype(int)
    assert np.abs(alpha - translucent.alpha).max() <= (0 if format in ("png", "webp") else 8)


def test_png_and_decode_are_inverse(translucent):
    again = decode(encode(translucent, "png", 1), 40)
    np.testing.assert_array_equal(again.rgb, translucent.rgb)
    np.testing.assert_array_equal(again.alpha, translucent.alpha)


def test_jpeg_shows_transparency_as_white():
    alpha = np.repeat(np.array([0, 51, 255], np.uint8), 16)[None].repeat(16, axis=0)
    data = encode(Picture(np.full((16, 48, 3), 100, np.uint8), alpha), "jpeg", 100)
    # 100 at a fifth over white: 100 / 5 + 255 * 4 / 5 = 224. One level is JPEG's at quality 100.
    assert np.abs(decode(data, 40).rgb[8, 8::16].astype(int) - [[255], [224], [100]]).max() <= 1


def test_jpeg_has_full_chroma_from_quality_90(picture):
    for quality, sampling in ((89, 2), (90, 0)):
        with Image.open(BytesIO(encode(picture, "jpeg", quality))) as image:
            assert JpegImagePlugin.get_sampling(image) == sampling  # 0: 4:4:4, 2: 4:2:0


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"png"}))
def test_quality_decides_between_bytes_and_likeness(picture, format):
    small, large = encode(picture, format, 30), encode(picture, format, 95)
    assert len(small) < len(large)
    decoded = [np.asarray(Image.open(BytesIO(data)).convert("RGB")) for data in (small, large)]
    assert decibels(decoded[0], picture.rgb) < decibels(decoded[1], picture.rgb)


@pytest.mark.parametrize(("format", "quality"), [("gif", 90), ("JPEG", 90), ("", 90), ("jpeg", 0), ("png", 101)])
def test_unknown_formats_and_qualities_are_invalid_options(picture, format, quality):
    with pytest.raises(InvalidOption):
        encode(picture, format, quality)


@pytest.mark.parametrize(("format", "edge"), [("jpeg", 65_500), ("webp", 16_383)])
def test_an_edge_that_the_format_cannot_hold_is_an_invalid_option(format, edge):
    assert decode(encode(Picture(np.zeros((1, edge, 3), np.uint8)), format, 50), 40).width == edge
    with pytest.raises(InvalidOption, match=str(edge)):
        encode(Picture(np.zeros((1, edge + 1, 3), np.uint8)), format, 50)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_pictures_of_one_pixel_and_strips_are_written(format, size):
    data = encode(Picture(np.full((*size, 3), 77, np.uint8)), format, 90)
    assert Image.open(BytesIO(data)).size == size[::-1]
