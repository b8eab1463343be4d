from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from picture_files import (
    adobe_rgb_in_srgb,
    adobe_rgb_profile,
    cmyk_profile,
    file_of,
    grey_profile,
    into_jpeg,
    photo,
    segment,
    srgb_encoded,
)
from PIL import Image, ImageCms

from app.imaging import profile
from app.imaging.decode import decode

# Two roundings to 8 bits, lcms2's and the expected value's, with its fixed-point matrix between them.
LEVELS = 2

KNOWN = np.array(
    [[0, 0, 0], [255, 255, 255], [128, 128, 128], [0, 255, 0], [180, 90, 60], [60, 120, 90], [20, 40, 200]], np.uint8
)


def patches(colours):
    """One 8 x 8 square for each colour, side by side: the blocks of JPEG."""
    return Image.fromarray(np.repeat(np.repeat(np.asarray(colours)[None], 8, axis=0), 8, axis=1))


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_wide_gamut_colours_are_converted_to_srgb(format):
    options = {"png": {}, "webp": {"lossless": True}, "jpeg": {"quality": 100, "subsampling": 0}}[format]
    rgb = decode(file_of(patches(KNOWN), format, icc_profile=adobe_rgb_profile(), **options), 40).rgb
    expected = adobe_rgb_in_srgb(KNOWN)
    assert np.abs(expected - KNOWN).max() > 25  # the profile matters
    # JPEG adds the rounding of YCbCr, which the sRGB curve steepens in the darks.
    assert np.abs(rgb[4, 4::8] - expected).max() <= (LEVELS if format != "jpeg" else 2 * LEVELS + 1)


def test_conversion_comes_with_resizing_and_alpha():
    image = patches(KNOWN[4:5])
    image.putalpha(128)
    picture = decode(file_of(image, "png", icc_profile=adobe_rgb_profile()), 40, longer_edge=4)
    assert (picture.alpha == 128).all()
    # Resizing premultiplies by 128 / 255 in 8 bits: a level is then two levels wide.
    assert np.abs(picture.rgb - adobe_rgb_in_srgb(KNOWN[4])).max() <= LEVELS + 2


def test_grey_profiles_are_applied():
    values = np.array([0, 30, 128, 200, 255], np.uint8)
    expected = srgb_encoded(values / 255.0)
    rgb = decode(file_of(patches(values), "png", icc_profile=grey_profile(1.0)), 40).rgb
    assert np.abs(rgb[4, 4::8] - expected[:, None]).max() <= LEVELS


def test_grey_pictures_with_an_rgb_profile_are_converted_too():
    values = np.array([30, 128, 200], np.uint8)
    rgb = decode(file_of(patches(values), "png", icc_profile=adobe_rgb_profile()), 40).rgb
    assert np.abs(rgb[4, 4::8] - adobe_rgb_in_srgb(np.repeat(values[:, None], 3, axis=1))).max() <= LEVELS


def test_cmyk_profiles_are_applied():
    inks = np.array([[0, 0, 0, 0], [0, 0, 0, 128], [64, 0, 0, 0], [255, 255, 255, 255]], np.uint8)
    image = Image.frombytes("CMYK", (32, 8), np.repeat(np.repeat(inks[None], 8, axis=0), 8, axis=1).tobytes())
    data = file_of(image, "jpeg", quality=100, icc_profile=cmyk_profile())
    lightness = 100 * (1 - inks / 255).prod(axis=1)
    light = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)  # CIE 1976
    # LEVELS, and one of the profile's own 8-bit lightness: 100 / 255 of L* is one level of sRGB.
    assert np.abs(decode(data, 40).rgb[4, 4::8] - srgb_encoded(light)[:, None]).max() <= LEVELS + 1


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        bytes(4096),
        adobe_rgb_profile()[:200],
        adobe_rgb_profile().replace(b"rXYZ", b"xXYZ"),
        cmyk_profile(),
        b"\xff" * 3_000_000,
    ],
    ids=["text", "zeros", "cut", "no red", "other channels", "huge"],
)
def test_a_profile_that_cannot_be_used_is_ignored(profile):
    image = photo(size=(32, 24))
    data = file_of(image, "png", icc_profile=profile)
    np.testing.assert_array_equal(decode(data, 40).rgb, np.asarray(image))


def test_an_srgb_profile_changes_no_pixel():
    image = photo(size=(32, 24))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(decode(file_of(image, "png", icc_profile=srgb), 40).rgb, np.asarray(image))


def test_a_jpegs_profile_is_put_together_in_the_order_of_its_numbers():
    image = patches(KNOWN)
    profile = adobe_rgb_profile()
    whole = file_of(image, "jpeg", icc_profile=profile)
    plain = file_of(image, "jpeg")
    first, second = (b"ICC_PROFILE\0" + bytes([n, 2]) + part for n, part in ((1, profile[:99]), (2, profile[99:])))
    swapped = into_jpeg(plain, segment(0xE2, second), segment(0xE2, first))
    np.testing.assert_array_equal(decode(swapped, 40).rgb, decode(whole, 40).rgb)
    half = into_jpeg(plain, segment(0xE2, second))
    np.testing.assert_array_equal(decode(half, 40).rgb, decode(plain, 40).rgb)


def test_threads_share_a_transform():
    data = [
        file_of(photo(name, (200, 150)), "png", icc_profile=adobe_rgb_profile())
        for name in ("coffee.png", "chelsea.png")
    ]
    alone = [decode(d, 40).rgb for d in data]
    with ThreadPoolExecutor(8) as pool:
        for index, picture in enumerate(pool.map(lambda i: decode(data[i % 2], 40), range(64))):
            np.testing.assert_array_equal(picture.rgb, alone[index % 2])


def test_transforms_are_kept_up_to_a_number_of_bytes():
    kept = profile.Transforms(3_000_000)
    wide = adobe_rgb_profile()
    for junk in range(9):
        kept.get(wide + bytes(600_000) + bytes([junk]), "RGB")
        assert 0 < kept.bytes <= 3_000_000
    assert kept.get(b"junk" * 1_000_000, "RGB") is None  # of which its hash is kept alone
    assert kept.get(wide, "RGB") is kept.get(wide, "RGB")


def test_a_profile_of_megabytes_in_a_jpeg_is_not_read():
    """Real ones have 3 MB at most; 15 MB of junk stayed in the cache for good."""
    image = photo(size=(32, 24))
    junk = adobe_rgb_profile() + bytes(5_000_000)
    plain = file_of(image, "jpeg")
    np.testing.assert_array_equal(decode(file_of(image, "jpeg", icc_profile=junk), 40).rgb, decode(plain, 40).rgb)
