"""Every kind of picture that phones, cameras and editors write comes out upright, in sRGB and whole."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from picture_files import decibels, exif_orientation, file_of, into_jpeg, photo, segment
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.errors import AnimatedPicture, EmptyBody, PictureError, PictureTooLarge, UnsupportedPicture
from app.imaging.decode import Header, decode, probe

FORMATS = {"jpeg": {"quality": 95, "subsampling": 0}, "png": {}, "webp": {"lossless": True}}

# What the stored picture is to the upright one, by the EXIF standard's words, in numpy and without Pillow.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a),  # shown turned clockwise, so stored turned back
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.fixture(scope="module")
def upright():
    return np.asarray(photo("astronaut.png", (90, 62)))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", STORED)
def test_each_exif_orientation_comes_out_upright(upright, format, orientation):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    data = file_of(stored, format, exif=exif_orientation(orientation), **FORMATS[format])
    assert probe(data, 40) == Header(format, 90, 62)
    rgb = decode(data, 40).rgb
    if format == "jpeg":
        # JPEG at quality 95 loses about 35 dB on this photo; a wrong orientation has less than 15.
        assert decibels(rgb, upright) > 30
    else:
        np.testing.assert_array_equal(rgb, upright)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_longer_edge_is_that_of_the_upright_picture(upright, orientation):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    picture = decode(file_of(stored, "png", exif=exif_orientation(orientation)), 40, longer_edge=45)
    assert (picture.width, picture.height) == (45, 31)


def test_big_endian_exif_is_read_and_broken_exif_ignored(upright):
    plain = file_of(Image.fromarray(upright), "jpeg")
    assert probe(into_jpeg(plain, segment(0xE1, exif_orientation(6, ">"))), 40) == Header("jpeg", 62, 90)
    for exif in (exif_orientation(9), exif_orientation(6)[:-12], b"Exif\0\0garbage", b"Exif\0\0"):
        assert probe(into_jpeg(plain, segment(0xE1, exif)), 40) == Header("jpeg", 90, 62)


@pytest.mark.parametrize("format", FORMATS)
def test_longer_edge_makes_smaller_and_never_larger(upright, format):
    data = file_of(Image.fromarray(upright), format, **FORMATS[format])
    assert decode(data, 40, longer_edge=33).rgb.shape == (23, 33, 3)  # 62 x 33 / 90 = 22.7
    assert decode(data, 40, longer_edge=90).rgb.shape == (62, 90, 3)
    assert decode(data, 40, longer_edge=500).rgb.shape == (62, 90, 3)
    assert decode(data, 40, longer_edge=1).rgb.shape == (1, 1, 3)


def test_arrays_are_contiguous_and_writable(upright):
    for orientation in (1, 6):
        picture = decode(file_of(Image.fromarray(upright), "png", exif=exif_orientation(orientation)), 40)
        assert picture.rgb.flags.c_contiguous
        assert picture.rgb.flags.writeable


@pytest.mark.parametrize("format", ["png", "webp"])
def test_alpha_is_kept_and_turned_with_the_picture(upright, format):
    alpha = np.linspace(0, 255, 62 * 90).astype(np.uint8).reshape(62, 90)
    image = Image.fromarray(np.dstack([upright, alpha]))
    options = {"lossless": True, "exact": True} if format == "webp" else {}
    picture = decode(file_of(image, format, exif=exif_orientation(3), **options), 40)
    np.testing.assert_array_equal(picture.rgb, upright[::-1, ::-1])
    np.testing.assert_array_equal(picture.alpha, alpha[::-1, ::-1])


@pytest.mark.parametrize("kind", [1, 4, "two shorts"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_in_every_type_that_cameras_write(upright, kind, order):
    """BYTE, LONG, and SHORT with count 2."""
    value = {1: "B3x", 4: "I", "two shorts": "HH"}[kind]
    numbers = (6, 0) if kind == "two shorts" else (6,)
    entry = struct.pack(order + "HHI" + value, 0x0112, *((3, 2) if kind == "two shorts" else (kind, 1)), *numbers)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    exif = b"Exif\0\0" + magic + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
    assert probe(into_jpeg(file_of(Image.fromarray(upright), "jpeg"), segment(0xE1, exif)), 40).width == 62


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description %s</rdf:Description></x:xmpmeta>'


@pytest.mark.parametrize("packet", [b'tiff:Orientation="6">', b">\n<tiff:Orientation>6</tiff:Orientation>"])
def test_orientation_in_xmp_alone_is_applied_and_exif_wins(upright, packet):
    image, packet = Image.fromarray(upright), XMP % packet
    turned = np.rot90(upright, -1)
    app1 = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)
    jpeg = file_of(image, "jpeg", quality=95, subsampling=0)
    assert decibels(decode(into_jpeg(jpeg, app1), 40).rgb, turned) > 30
    mirrored = into_jpeg(jpeg, app1, segment(0xE1, exif_orientation(2)))
    assert decibels(decode(mirrored, 40).rgb, upright[:, ::-1]) > 30
    webp = file_of(image, "webp", lossless=True, xmp=packet)
    np.testing.assert_array_equal(decode(webp, 40).rgb, turned)
    for compressed in (False, True):
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=compressed)
        np.testing.assert_array_equal(decode(file_of(image, "png", pnginfo=text), 40).rgb, turned)


@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}])
def test_avif_is_read_upright_and_with_alpha(upright, options):
    image = Image.fromarray(upright)
    data = file_of(image, "avif", quality=95, exif=exif_orientation(6), **options)
    assert probe(data, 40) == Header("avif", 62, 90)
    assert decibels(decode(data, 40).rgb, np.rot90(upright, -1)) > 30
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    picture = decode(file_of(image, "avif", quality=95), 40, longer_edge=45)
    assert picture.rgb.shape == (31, 45, 3)
    assert (np.diff(picture.alpha.astype(int).mean(axis=1)) > 0).all()
    for length in range(0, len(data), 97):
        with pytest.raises(PictureError if length else EmptyBody):
            decode(data[:length], 40)


def test_heic_is_read_upright_where_its_codec_is_installed(upright):
    pillow_heif = pytest.importorskip("pillow_heif")
    file = BytesIO()
    pillow_heif.from_pillow(Image.fromarray(upright)).save(file, quality=95, exif=exif_orientation(6))
    assert probe(file.getvalue(), 40) == Header("heic", 62, 90)
    assert decibels(decode(file.getvalue(), 40).rgb, np.rot90(upright, -1)) > 30
    with pytest.raises(PictureError):
        decode(file.getvalue()[:-200], 40)


def test_alpha_that_is_opaque_everywhere_is_none(upright):
    assert decode(file_of(Image.fromarray(upright).convert("RGBA"), "png"), 40).alpha is None


def test_transparent_pixels_do_not_bleed_when_made_smaller():
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :33] = (255, 0, 0, 255)
    pixels[:, 33:] = (0, 255, 0, 0)
    picture = decode(file_of(Image.fromarray(pixels), "png"), 40, longer_edge=16)
    assert (picture.rgb[picture.alpha > 0] == (255, 0, 0)).all()


def test_no_bytes_are_an_empty_body():
    with pytest.raises(EmptyBody):
        probe(b"", 40)
    with pytest.raises(EmptyBody):
        decode(b"", 40)


def test_other_formats_and_text_are_unsupported():
    others = [file_of(photo(size=(8, 8)), name) for name in ("gif", "bmp", "tiff", "ppm", "jpeg2000", "ico")]
    for data in [*others, b"This is holiday.jpg, honestly.", b"\xff\xd8", b"\x89PNG", b"RIFF\x04\0\0\0WAVE", b"\0"]:
        for read in (probe, decode):
            with pytest.raises(UnsupportedPicture):
                read(data, 40)


@pytest.mark.parametrize("format", FORMATS)
def test_too_many_megapixels_are_refused_from_the_header(format):
    data = file_of(Image.new("L" if format != "webp" else "RGB", (300, 200)), format)
    assert probe(data, 0.06) == Header(format, 300, 200)
    for read in (probe, decode):
        with pytest.raises(PictureTooLarge, match=r"0\.1 megapixels"):
            read(data, 0.0599)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_an_animation_is_refused_and_one_of_a_single_frame_read(upright, format):
    frames = [Image.fromarray(upright), Image.fromarray(upright[::-1].copy())]
    data = file_of(frames[0], format, save_all=True, append_images=frames[1:], duration=40)
    for read in (probe, decode):
        with pytest.raises(AnimatedPicture):
            read(data, 40)
    single = file_of(frames[0], format, save_all=True, **({} if format == "png" else {"lossless": True}))
    np.testing.assert_array_equal(decode(single, 40).rgb, upright)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_anywhere_is_refused_or_whole(upright, format):
    data = file_of(Image.fromarray(upright), format, **FORMATS[format])
    whole = decode(data, 40).rgb
    for length in range(16, len(data) - 20, 131):
        with pytest.raises(PictureError):
            decode(data[:length], 40)
    # Of the last bytes JPEG and PNG need none: they are marks that the end has come.
    for length in range(len(data) - 20, len(data)):
        try:
            cut = decode(data[:length], 40).rgb
        except PictureError:
            continue
        np.testing.assert_array_equal(cut, whole)


def test_heic_is_named_where_its_codec_is_not_installed(monkeypatch):
    monkeypatch.setattr("app.imaging.heic.installed", lambda: False)
    with pytest.raises(UnsupportedPicture, match=r"^The bytes are not a JPEG, PNG, WebP or AVIF picture but a HEIC\.$"):
        probe(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 40)


@pytest.mark.parametrize("format", FORMATS)
def test_what_follows_the_picture_is_ignored(upright, format):
    data = file_of(Image.fromarray(upright), format, **FORMATS[format])
    np.testing.assert_array_equal(decode(data + b"\xff\xd8\xffgarbage" * 9, 40).rgb, decode(data, 40).rgb)


def test_the_public_sentence_says_nothing_of_the_decoder(upright):
    data = bytearray(file_of(Image.fromarray(upright), "webp"))
    data[30:60] = b"\xff" * 30  # the frame's header of segments, filters and partitions
    with pytest.raises(PictureError) as caught:
        decode(bytes(data), 40)
    assert caught.value.detail == "The picture is damaged and cannot be read."
    assert caught.value.private
