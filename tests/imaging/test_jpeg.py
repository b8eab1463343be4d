from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from picture_files import decibels, file_of, into_jpeg, photo, segment
from PIL import Image

from app.errors import PictureError, PictureTooLarge, UnsupportedPicture
from app.imaging import jpeg
from app.imaging.decode import Header, decode, probe

FRAME = 0xC0


def with_frame(data, height=None, width=None, marker=None, depth=None):
    """The file with other claims in its frame header."""
    found = next(s for s in jpeg.segments(data) if s.marker in jpeg.FRAMES)
    changed = bytearray(data)
    old = struct.unpack_from(">BHH", data, found.body)
    new = (depth or old[0], old[1] if height is None else height, old[2] if width is None else width)
    changed[found.body : found.body + 5] = struct.pack(">BHH", *new)
    changed[found.start + 1] = marker or found.marker
    return bytes(changed)


@pytest.fixture(scope="module")
def image():
    return photo("coffee.png", (150, 100))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 2}])
def test_baseline_progressive_and_restart_files_equal_pillows_pixels(image, options):
    data = file_of(image, "jpeg", quality=90, **options)
    np.testing.assert_array_equal(decode(data, 40).rgb, np.asarray(Image.open(BytesIO(data))))


def test_grey_has_three_equal_channels(image):
    data = file_of(image.convert("L"), "jpeg", quality=95)
    rgb = decode(data, 40).rgb
    assert (rgb == rgb[:, :, :1]).all()
    assert decibels(rgb[:, :, 0], image.convert("L")) > 35


def cmyk_jpeg(image, transform):
    """Inverted CMYK as Photoshop writes it, with APP14 of `transform` 0 (CMYK) or 2 (YCCK), or None without it."""
    cyan, magenta, yellow = (255 - np.asarray(image).astype(int)).transpose(2, 0, 1)
    black = np.minimum(np.minimum(cyan, magenta), yellow) // 2
    planes = [(255 * (ink - black) / (255 - black)).round() for ink in (cyan, magenta, yellow)]
    planes = np.stack([*planes, black], axis=-1).astype(np.uint8)
    if transform == 2:
        # YCCK turns 255 minus the stored inks, which are inverted, into YCbCr. Pillow's writer inverts all four.
        ycc = np.asarray(Image.fromarray(planes[:, :, :3].copy()).convert("YCbCr"))
        planes = np.dstack([255 - ycc, planes[:, :, 3]])
    data = file_of(Image.frombytes("CMYK", image.size, planes.tobytes()), "jpeg", quality=100, subsampling=0)
    parts = [data[s.start : s.end] for s in jpeg.segments(data) if s.marker == 0xEE]
    assert len(parts) == 1
    adobe = segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform)) if transform is not None else b""
    return data.replace(parts[0], adobe)


@pytest.mark.parametrize("transform", [0, 2, None])
def test_cmyk_and_ycck_are_read_as_the_inverted_inks_that_programs_write(image, transform):
    rgb = decode(cmyk_jpeg(image, transform), 40).rgb
    # Quality 100 and the rounding of two conversions stay above 38 dB; an inverted picture has less than 10.
    assert decibels(rgb, image) > 38


def test_a_phones_multi_picture_file_reads_as_its_first_picture(image):
    other = photo("chelsea.png", (150, 100))
    data = file_of(image, "mpo", save_all=True, append_images=[other, other])
    assert b"MPF\0" in data
    assert Image.open(BytesIO(data)).format == "MPO"
    assert probe(data, 40) == Header("jpeg", 150, 100)
    assert decibels(decode(data, 40).rgb, image) > 28


def test_a_twelve_megapixel_photo_is_never_decoded_plainly_where_a_quarter_is_enough(monkeypatch):
    scene = photo("coffee.png").resize((4000, 3000), Image.Resampling.BICUBIC)
    data = file_of(scene, "jpeg", quality=85)
    decoded = []
    plain = jpeg._decode

    def recording(*args):
        image, box = plain(*args)
        decoded.append(image.size)
        return image, box

    monkeypatch.setattr(jpeg, "_decode", recording)
    for edge, size in {
        2000: (2000, 1500),
        1024: (2000, 1500),
        512: (1000, 750),
        64: (500, 375),
    }.items():
        picture = decode(data, 40, longer_edge=edge)
        assert (picture.width, picture.height) == (edge, round(edge * 3 / 4))
        assert decoded == [size]
        decoded.clear()
        # The same scene as resizing all of its pixels, up to what JPEG itself loses (39 dB at quality 85).
        assert decibels(picture.rgb, scene.resize((edge, picture.height), Image.Resampling.LANCZOS)) > 38


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("edge", [None, 20])
@pytest.mark.parametrize(
    "claim", [{"height": 200}, {"height": 20_000}, {"width": 300}, {"width": 3000, "height": 3000}]
)
def test_a_frame_that_promises_more_than_was_coded_is_refused_and_not_half_grey(image, options, edge, claim):
    with pytest.raises(PictureError):
        decode(with_frame(file_of(image, "jpeg", **options), **claim), 100, edge)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_picture_that_is_rightly_middle_grey_is_read(options, mode):
    grey = Image.new("RGB", (100, 70), (128, 128, 128)).convert(mode)
    for edge in (None, 25):
        rgb = decode(file_of(grey, "jpeg", **options), 40, edge).rgb
        assert np.abs(rgb.astype(int) - 128).max() <= 2  # CMYK: 127 and the rounding of K


@pytest.mark.parametrize("marker", sorted(jpeg.FRAMES - jpeg.HUFFMAN_DCT_FRAMES))
def test_lossless_arithmetic_and_hierarchical_files_are_unsupported(image, marker):
    with pytest.raises(UnsupportedPicture):
        probe(with_frame(file_of(image, "jpeg"), marker=marker), 40)


def test_twelve_bits_are_unsupported(image):
    with pytest.raises(UnsupportedPicture):
        probe(with_frame(file_of(image, "jpeg"), depth=12), 40)


@pytest.mark.parametrize("claim", [{"height": 0}, {"width": 0}])
def test_no_size_is_refused(image, claim):
    with pytest.raises(PictureError):
        probe(with_frame(file_of(image, "jpeg"), **claim), 40)


def test_a_second_frame_header_cannot_change_the_size_behind_the_check(image):
    data = file_of(image, "jpeg")
    frame = next(data[s.start : s.end] for s in jpeg.segments(data) if s.marker == FRAME)
    scan = next(s for s in jpeg.segments(data) if s.marker == jpeg.SOS)
    for position in (scan.start, len(data) - 2):
        with pytest.raises(PictureError):
            decode(data[:position] + frame + data[position:], 40)


def test_a_flood_of_scans_or_segments_is_refused(image):
    data = file_of(image, "jpeg", progressive=True)
    scans = [s for s in jpeg.segments(data) if s.marker == jpeg.SOS]
    last = data[scans[-1].start : -2]
    decode(data[:-2] + last * (jpeg.MAX_SCANS - len(scans)) + data[-2:], 40)
    with pytest.raises(PictureError):
        decode(data[:-2] + last * (jpeg.MAX_SCANS + 1 - len(scans)) + data[-2:], 40)
    for flood in (segment(0xE5, b""), b"\xff\xd0"):
        with pytest.raises(PictureError):
            probe(into_jpeg(data, flood * 70_000), 40)


def test_metadata_of_any_size_and_nonsense_does_not_matter(image):
    plain = file_of(image, "jpeg")
    nonsense = [segment(marker, b"\xff\xda\xff\xd9" * 16_000) for marker in (0xE1, 0xE2, 0xED, 0xFE)] * 8
    nonsense += [segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\xff\xff"), segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04")]
    loaded = into_jpeg(plain, *nonsense)
    assert len(loaded) > 2_000_000
    np.testing.assert_array_equal(decode(loaded, 40).rgb, decode(plain, 40).rgb)


KINDS = [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}]
# Phones append blocks of their own, with lengths, names and further pictures in them.
TRAILERS = [b"", b"\xff", b"\0\0\x01\x0aImage_UTC_Data16123\xff\xe5\0\x09SEFHj\0\0SEFT", b"\xff\xd8\xff\xe1\0\x04ab"]


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("edge", [None, 30])
def test_a_whole_picture_without_its_end_marker_is_read(image, options, trailer, edge):
    data = file_of(image, "jpeg", quality=90, **options)
    assert data.endswith(b"\xff\xd9")
    picture = decode(data[:-2] + trailer, 40, edge)
    np.testing.assert_array_equal(picture.rgb, decode(data, 40, edge).rgb)


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("missing", [200, 700])
def test_missing_pixels_are_refused_with_and_without_a_trailer(image, options, trailer, missing):
    """More than the trailer has: bytes of one that stand in for the picture's cannot be told from them."""
    data = file_of(image, "jpeg", quality=90, **options)
    with pytest.raises(PictureError):
        decode(data[: -2 - missing] + trailer, 40)
    if not trailer:
        for few in (3, 5, 40):
            with pytest.raises(PictureError):
                decode(data[: -2 - few], 40)


def test_a_progressive_file_that_lacks_its_last_scans_is_refused(image):
    data = file_of(image, "jpeg", progressive=True)
    scans = [s for s in jpeg.segments(data) if s.marker == jpeg.SOS]
    tables = [s for s in jpeg.segments(data) if s.marker == 0xC4 and s.start > scans[-2].end]
    with pytest.raises(PictureError):
        decode(data[: min(s.start for s in [*tables, scans[-1]])], 40)


@pytest.mark.parametrize("size", [(8064, 6048), (8160, 6120), (16_382, 3628)])
def test_the_photos_and_panoramas_of_phones_are_read(size):
    data = file_of(Image.new("RGB", size, (200, 30, 30)), "jpeg", quality=50)
    picture = decode(data, 64, longer_edge=256)
    assert max(picture.width, picture.height) == 256
    assert np.abs(picture.rgb.astype(int) - (200, 30, 30)).max() <= 4


def test_scans_and_pixels_together_are_bounded():
    """By what they would take: 32 scans of all components of 60 megapixels are refused before the first."""
    few = file_of(Image.new("CMYK", (9000, 6600)), "jpeg", progressive=True)
    header = probe(few, 64)
    assert header.cost(256).seconds < 1.5
    scan = next(s for s in jpeg.segments(few) if s.marker == jpeg.SOS)
    flood = few[:-2] + few[scan.start : scan.end + 8] * 20 + few[-2:]
    with pytest.raises(PictureTooLarge, match="seconds"):
        decode(flood, 64, 256, max_bytes=10**9)
