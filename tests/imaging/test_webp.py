from __future__ import annotations

import numpy as np
import pytest
from picture_files import decibels, file_of, photo, riff_chunk
from PIL import Image

from app.errors import AnimatedPicture, PictureError
from app.imaging import webp
from app.imaging.decode import Header, decode, probe


@pytest.fixture(scope="module")
def image():
    return photo("coffee.png", (151, 99))


def riff(*parts):
    return webp_header(sum(map(len, parts))) + b"".join(parts)


def webp_header(length):
    return b"RIFF" + (length + 4).to_bytes(4, "little") + b"WEBP"


def canvas(width, height, flags=0):
    return riff_chunk(
        b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )


def parts_of(data):
    return [data[c.body - 8 : c.end + (c.end - c.body) % 2] for c in webp.chunks(data)]


@pytest.mark.parametrize("options", [{"quality": 90}, {"lossless": True}, {"quality": 90, "exif": b"Exif\0\0II*\0"}])
def test_lossy_lossless_and_extended_headers_tell_the_size(image, options):
    data = file_of(image, "webp", **options)
    kinds = [c.kind for c in webp.chunks(data)]
    assert kinds[0] == (b"VP8X" if "exif" in options else b"VP8L" if "lossless" in options else b"VP8 ")
    assert probe(data, 40) == Header("webp", 151, 99)
    assert decibels(decode(data, 40).rgb, image) > 30


def test_lossy_alpha_is_kept(image):
    alpha = Image.linear_gradient("L").resize(image.size)
    image = image.copy()
    image.putalpha(alpha)
    picture = decode(file_of(image, "webp", quality=90, alpha_quality=100), 40)
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_a_canvas_that_differs_from_its_picture_is_refused(image):
    parts = parts_of(file_of(image, "webp"))
    np.testing.assert_array_equal(decode(riff(canvas(151, 99), *parts), 40).rgb, decode(file_of(image, "webp"), 40).rgb)
    for size in ((151, 198), (302, 99), (6000, 6000), (75, 50)):
        with pytest.raises(PictureError):
            decode(riff(canvas(*size), *parts), 40)


def test_frames_make_an_animation_even_without_the_flag(image):
    data = file_of(image, "webp", save_all=True, append_images=[photo("chelsea.png", image.size)])
    with pytest.raises(AnimatedPicture):
        probe(data, 40)
    first, *rest = parts_of(data)
    assert first[:4] == b"VP8X"
    with pytest.raises(AnimatedPicture):
        probe(riff(canvas(151, 99, flags=0), *rest), 40)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [riff_chunk(b"VP8 ", b"")],
        [riff_chunk(b"VP8L", b"\x2f\0")],
        [riff_chunk(b"VP8L", bytes(20))],
        [riff_chunk(b"VP8X", bytes(9))],
        [riff_chunk(b"ALPH", bytes(30))],
        [canvas(20, 20)],
        [canvas(20, 20)] + [riff_chunk(b"JUNK", b"")] * 70_000,
    ],
    ids=["nothing", "empty", "short", "no signature", "short canvas", "other chunk", "no picture", "flood"],
)
def test_broken_structures_are_refused(parts):
    with pytest.raises(PictureError):
        decode(riff(*parts), 40)
