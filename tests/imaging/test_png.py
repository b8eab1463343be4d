from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from picture_files import PNG_MAGIC, chunk, exif_orientation, file_of, packed_rows, photo, png_file, png_rows
from PIL import Image

from app.errors import AnimatedPicture, PictureError, PictureTooLarge
from app.imaging import png
from app.imaging.decode import Header, decode, probe

RNG = np.random.default_rng(7)
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("keyed", [False, True])
def test_grey_of_few_bits_covers_black_to_white_and_its_colour_key_is_transparent(depth, keyed):
    top = 2**depth - 1
    samples = RNG.integers(0, top + 1, (5, 21))
    before = [chunk(b"tRNS", struct.pack(">H", top // 2 + 1))] if keyed else []
    picture = decode(png_file(21, 5, depth, GREY, packed_rows(samples, depth), *before), 40)
    np.testing.assert_array_equal(picture.rgb, np.repeat(samples[..., None] * 255 // top, 3, axis=2))
    if keyed:
        np.testing.assert_array_equal(picture.alpha, np.where(samples == top // 2 + 1, 0, 255))
    else:
        assert picture.alpha is None


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    samples = np.arange(65_536).reshape(256, 256)
    picture = decode(png_file(256, 256, 16, GREY, png_rows(samples, 2)), 40)
    expected = np.rint(samples / 65_535 * 255)
    np.testing.assert_array_equal(picture.rgb, np.repeat(expected[..., None], 3, axis=2))
    keyed = decode(png_file(256, 256, 16, GREY, png_rows(samples, 2), chunk(b"tRNS", b"\x12\x34")), 40)
    assert np.argwhere(keyed.alpha == 0).tolist() == [[0x12, 0x34]]


@pytest.mark.parametrize("colour", [RGB, RGBA, GREY_ALPHA])
def test_sixteen_bit_colours_are_scaled(colour):
    channels = png.CHANNELS[colour]
    samples = RNG.integers(0, 65_536, (9, 11, channels))
    picture = decode(png_file(11, 9, 16, colour, png_rows(samples, 2)), 40)
    expected = samples / 257
    # Pillow keeps the high byte, which is less than one level below the exact quotient, or up to one above
    # it.
    colours = expected[:, :, :1] if colour == GREY_ALPHA else expected[:, :, :3]
    assert np.abs(picture.rgb - colours).max() <= 1
    if channels in (2, 4):
        assert np.abs(picture.alpha - expected[:, :, -1]).max() <= 1


@pytest.mark.parametrize(("depth", "key"), [(8, (3, 2, 1)), (16, (0x0310, 0x0220, 0x0130))])
def test_the_colour_key_of_rgb_is_transparent(depth, key):
    samples = np.full((3, 4, 3), 7 if depth == 8 else 0x0707)
    samples[1, 2] = key
    rows = png_rows(samples, depth // 8)
    picture = decode(png_file(4, 3, depth, RGB, rows, chunk(b"tRNS", struct.pack(">3H", *key))), 40)
    assert np.argwhere(picture.alpha == 0).tolist() == [[1, 2]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("alphas", [None, b"\xff\x00", b"\x80\xff\x07"])
def test_palettes_of_every_depth_with_and_without_transparency(depth, alphas):
    colours = RNG.integers(0, 256, (2**depth, 3)).astype(np.uint8)
    samples = np.arange(6 * 50).reshape(6, 50) % 2**depth
    before = [chunk(b"PLTE", colours.tobytes())]
    alphas = alphas and alphas[: 2**depth]
    before += [chunk(b"tRNS", alphas)] if alphas else []
    rows = packed_rows(samples, depth) if depth < 8 else png_rows(samples)
    picture = decode(png_file(50, 6, depth, PALETTE, rows, *before), 40)
    np.testing.assert_array_equal(picture.rgb, colours[samples])
    if alphas:
        table = np.full(256, 255)
        table[: len(alphas)] = list(alphas)
        np.testing.assert_array_equal(picture.alpha, table[samples])
    else:
        assert picture.alpha is None


def test_a_palette_without_plte_is_refused():
    with pytest.raises(PictureError):
        decode(png_file(2, 2, 8, PALETTE, png_rows(np.zeros((2, 2)))), 40)


def interlaced(samples):
    """Adam7 by its definition: for every pass, the pixels on its grid."""
    return b"".join(png_rows(samples[y::dy, x::dx]) for x, y, dx, dy in png.ADAM7 if samples[y::dy, x::dx].size)


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (37, 23)])
def test_interlaced_files_of_any_size(size):
    samples = RNG.integers(0, 256, (*size, 3))
    data = png_file(size[1], size[0], 8, RGB, interlaced(samples), interlace=1)
    np.testing.assert_array_equal(decode(data, 40).rgb, samples)
    short = png_file(size[1], size[0], 8, RGB, interlaced(samples)[:-1], interlace=1)
    with pytest.raises(PictureError):
        decode(short, 40)


def test_grey_with_alpha_survives_resizing():
    image = photo(size=(60, 40)).convert("LA")
    image.putalpha(Image.linear_gradient("L").resize((60, 40)))
    picture = decode(file_of(image, "png"), 40, longer_edge=6)
    assert picture.rgb.shape == (4, 6, 3)
    assert (np.diff(picture.alpha.astype(int), axis=0) > 30).all()


def test_one_bit_pictures_are_made_smaller_in_greys():
    checks = (np.indices((64, 64)).sum(axis=0) % 2).astype(bool)
    rgb = decode(file_of(Image.fromarray(checks), "png"), 40, longer_edge=8).rgb
    assert np.abs(rgb.astype(int) - 127.5).max() <= 2  # half black, half white; 2 for the rounding


@pytest.mark.parametrize("rows", [0, 1, 99])
def test_rows_that_are_missing_are_an_error_and_not_black(rows):
    full = png_rows(np.full((100, 100, 3), 9))
    with pytest.raises(PictureError):
        decode(png_file(100, 100, 8, RGB, full[: 301 * rows]), 40)


def test_a_black_picture_is_read():
    assert not decode(png_file(100, 100, 8, RGB, bytes(301 * 100)), 40).rgb.any()


def test_a_header_that_lies_about_the_size_is_refused():
    data = png_file(60, 40, 8, RGB, png_rows(RNG.integers(0, 256, (40, 60, 3))))
    for width, height in (
        (60, 80),
        (120, 40),
        (30_000, 1200),
        (2**31 - 1, 1),
        (0, 40),
        (60, 0),
        (2**32 - 1, 2**32 - 1),
    ):
        for crc in (True, False):
            header = struct.pack(">IIBBBBB", width, height, 8, RGB, 0, 0, 0)
            lie = chunk(b"IHDR", header) if crc else chunk(b"IHDR", header)[:-4] + data[29:33]
            with pytest.raises(PictureError):
                decode(PNG_MAGIC + lie + data[33:], 40)


def test_pixels_that_the_data_cannot_hold_are_refused_from_the_header():
    with pytest.raises(PictureError, match="ends before"):
        probe(png_file(6000, 6000, 8, RGB, bytes(1000)), 40)


def test_a_bomb_of_many_pixels_is_too_large():
    data = png_file(20_000, 20_000, 1, GREY, bytes(2501 * 20_000))
    assert len(data) < 100_000
    with pytest.raises(PictureTooLarge):
        decode(data, 40)


def test_bombs_in_text_and_other_metadata_are_never_inflated():
    bomb = zlib.compress(bytes(50_000_000))
    before = [
        chunk(b"zTXt", b"Comment\0\0" + bomb),
        chunk(b"iTXt", b"Comment\0\x01\0\0\0" + bomb),
        chunk(b"iCCP", b"profile\0\0" + bomb),
        chunk(b"tEXt", b"exif\0" + bytes(2_000_000)),
        chunk(b"gAMA", b"\0"),
        chunk(b"pHYs", b""),
    ]
    samples = RNG.integers(0, 256, (4, 4, 3))
    np.testing.assert_array_equal(decode(png_file(4, 4, 8, RGB, png_rows(samples), *before * 9), 40).rgb, samples)


@pytest.mark.parametrize("first", [zlib.compress(b"<x:xmpmeta/>"), b"not deflated"], ids=["upright", "damaged"])
def test_of_many_xmp_packets_the_first_alone_is_inflated(first):
    """Each may have a megabyte: 10,000 of them took 20 s."""
    turned = zlib.compress(b' tiff:Orientation="6" ')
    packets = [chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + text) for text in (first, turned)]
    data = png_file(2, 5, 8, RGB, bytes(35), *packets)
    assert (probe(data, 1).width, probe(data, 1).height) == (2, 5)
    alone = png_file(2, 5, 8, RGB, bytes(35), packets[-1])
    assert (probe(alone, 1).width, probe(alone, 1).height) == (5, 2)


def test_a_changed_byte_of_the_pixels_is_noticed():
    data = bytearray(png_file(40, 40, 8, RGB, png_rows(RNG.integers(0, 256, (40, 40, 3)))))
    data[200] ^= 1
    with pytest.raises(PictureError):
        decode(bytes(data), 40)


def test_exif_behind_the_pixels_is_found():
    turned = chunk(b"eXIf", exif_orientation(6)[6:])
    data = png_file(3, 2, 8, GREY, png_rows([[1, 2, 3], [4, 5, 6]]), after=[turned])
    assert probe(data, 40) == Header("png", 2, 3)
    np.testing.assert_array_equal(decode(data, 40).rgb[:, :, 0], [[4, 1], [5, 2], [6, 3]])


def test_animation_control_decides_what_is_an_animation():
    rows = png_rows([[1, 2], [3, 4]])
    for frames in (0, 1):
        control = chunk(b"acTL", struct.pack(">II", frames, 0))
        np.testing.assert_array_equal(decode(png_file(2, 2, 8, GREY, rows, control), 40).rgb[:, :, 0], [[1, 2], [3, 4]])
    with pytest.raises(AnimatedPicture):
        probe(png_file(2, 2, 8, GREY, rows, chunk(b"acTL", struct.pack(">II", 2, 0))), 40)


@pytest.mark.parametrize(
    "before",
    [
        [chunk(b"CgBI", b"\0\0\0\0")],  # Apple's own variant: a critical chunk that the standard says to refuse
        [chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0))],
        [chunk(b"\0\0\0\0")],
        [chunk(b"vpAg")] * 70_000,
    ],
    ids=["unknown critical chunk", "second header", "no name", "flood"],
)
def test_broken_structures_are_refused(before):
    with pytest.raises(PictureError):
        decode(png_file(2, 2, 8, GREY, png_rows([[1, 2], [3, 4]]), *before), 40)


@pytest.mark.parametrize(("depth", "colour"), [(3, 0), (16, 3), (4, 2), (8, 5), (0, 0)])
def test_impossible_depths_and_colour_types_are_refused(depth, colour):
    with pytest.raises(PictureError):
        probe(png_file(2, 2, depth, colour, bytes(99)), 40)


@pytest.mark.parametrize("cut", [4, 8, 12, 15, 16])
def test_a_whole_picture_without_its_last_chunk_is_read(cut):
    """The IEND chunk has 12 bytes; before it stands the checksum of the pixels."""
    samples = RNG.integers(0, 256, (40, 30, 3))
    data = png_file(30, 40, 8, RGB, png_rows(samples))
    np.testing.assert_array_equal(decode(data[:-cut], 40).rgb, samples)
    np.testing.assert_array_equal(decode(data[:-12] + b"\0\0trailer of a program", 40).rgb, samples)
    with pytest.raises(PictureError):
        decode(data[:-100], 40)


FILTERS = ["none", "sub", "up", "average", "paeth"]


def filtered(row, above, kind, step):
    """One row by the standard's definition, section 9."""
    left, corner = np.zeros_like(row), np.zeros_like(row)
    left[step:], corner[step:] = row[:-step], above[:-step]
    estimate = left + above - corner
    distances = [abs(estimate - side) for side in (left, above, corner)]
    nearest = np.where(
        (distances[0] <= distances[1]) & (distances[0] <= distances[2]),
        left,
        np.where(distances[1] <= distances[2], above, corner),
    )
    return (row - [0 * row, left, above, (left + above) // 2, nearest][kind]) % 256


@pytest.mark.parametrize(("colour", "depth"), [(GREY, 8), (GREY, 16), (RGB, 8), (RGB, 16), (GREY_ALPHA, 8), (RGBA, 16)])
@pytest.mark.parametrize("size", [(7, 5), (300, 900)])
def test_every_filter_across_strips(colour, depth, size):
    """The larger picture comes in several strips; in each row another filter, and the row above counts."""
    width, height = size
    channels, step = png.CHANNELS[colour], png.CHANNELS[colour] * depth // 8
    samples = RNG.integers(0, 2**depth, (height, width, channels))
    stored = np.frombuffer(samples.astype(f">u{depth // 8}").tobytes(), np.uint8).reshape(height, -1).astype(int)
    above = [np.zeros_like(stored[0]), *stored[:-1]]
    rows = b"".join(
        bytes([y % 5]) + filtered(stored[y], above[y], y % 5, step).astype(np.uint8).tobytes() for y in range(height)
    )
    picture = decode(png_file(width, height, depth, colour, rows), 40)
    if depth == 8:
        expected = samples
    elif colour == GREY:
        expected = (samples + 128) // 257
    else:
        expected = samples >> 8
    colours = expected[:, :, :3] if channels > 2 else expected[:, :, :1].repeat(3, axis=2)
    np.testing.assert_array_equal(picture.rgb, colours)
    if channels in (2, 4):
        np.testing.assert_array_equal(picture.alpha, expected[:, :, -1])


def test_a_filter_that_does_not_exist_is_refused():
    with pytest.raises(PictureError):
        decode(png_file(2, 2, 8, GREY, b"\x05\0\0\0\0\0"), 40)
