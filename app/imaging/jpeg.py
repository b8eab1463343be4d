"""JPEG (ITU-T T.81): the header from its marker segments, and pixels at the scale that is needed."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from app.errors import UnsupportedPicture
from app.imaging.container import MAX_PIECES, StoredHeader, cut_off, damaged, decoder_errors
from app.imaging.exif import orientation
from app.imaging.resize import resample

MAGIC = b"\xff\xd8\xff"

EOI, SOS, APP1, APP2, COM = 0xD9, 0xDA, 0xE1, 0xE2, 0xFE
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # DHT, JPG and DAC lie between the SOF markers
HUFFMAN_DCT_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what cameras and browsers know
WITHOUT_LENGTH = {0x01, 0xD8, *range(0xD0, 0xD8)}  # TEM, SOI, RST0 to RST7
# APP0 (JFIF) and APP14 (Adobe) stay: they say how the components become colours.
METADATA = {*range(APP1, 0xEE), 0xEF, COM}

# libjpeg writes 10 scans. Each goes over the whole picture, so a file of thousands of tiny ones would take
# hours; 31 scans of 40 megapixels take 1.6 seconds.
MAX_SCANS = 32

MARKER = re.compile(rb"\xff[\x01-\xfe]")
MARKER_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # FF 00 and RSTn belong to the scan's data

# Any bytes without FF that mean some coefficients to every Huffman table.
NOISE = bytes((37 * i * i + 11 * i + 5) % 251 for i in range(1, 512))


class Segment(NamedTuple):
    """`data[start:end]`, with its payload from `body` on."""

    marker: int
    start: int
    body: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """Marker segments up to the first picture's EOI. A scan's data lies between its SOS and the next segment.

    Raises:
        PictureError: the structure is broken, or ends without EOI.
    """
    position, pattern = 2, MARKER
    for _ in range(MAX_PIECES):
        found = pattern.search(data, position)
        if found is None:
            raise cut_off("no EOI")
        marker, start, position = data[found.start() + 1], found.start(), found.end()
        if marker == EOI:
            yield Segment(EOI, start, position, position)
            return
        if marker in WITHOUT_LENGTH:
            continue
        body = position + 2
        length = int.from_bytes(data[position:body], "big")
        position += length
        if position > len(data):
            raise cut_off(f"marker {marker:#x} ends after the file")
        if length < 2:
            raise damaged(f"marker {marker:#x} has length {length}")
        yield Segment(marker, start, body, position)
        pattern = MARKER_AFTER_SCAN if marker == SOS else MARKER
    raise damaged("too many segments")


def read_header(data: bytes) -> StoredHeader:
    """The header of the first picture; further ones, as phones append them, are ignored.

    Raises:
        PictureError: the structure is broken.
        UnsupportedPicture: lossless, arithmetic-coded, hierarchical or not 8 bits deep.
    """
    size: tuple[int, int] | None = None
    exif = b""
    for marker, _, body, end in segments(data):
        if marker in FRAMES:
            if size is not None:
                raise damaged("two frame headers")
            size = _frame_size(marker, data[body:end])
        elif marker == APP1 and not exif and data.startswith(b"Exif\0\0", body):
            exif = data[body:end]
        elif marker == SOS and size is not None:
            return StoredHeader(*size, orientation(exif))
    raise damaged("no frame")


def _frame_size(marker: int, frame: bytes) -> tuple[int, int]:
    if len(frame) < 6:
        raise damaged("short frame header")
    depth, height, width, components = struct.unpack_from(">BHHB", frame)
    if marker not in HUFFMAN_DCT_FRAMES or depth != 8 or components not in (1, 3, 4):
        raise UnsupportedPicture(
            "Only baseline and progressive JPEG with 8 bits and 1, 3 or 4 channels can be read.",
            private=f"SOF {marker:#x}, {depth} bits, {components} components",
        )
    if width == 0 or height == 0:
        raise damaged("no size in the frame header")
    return width, height


def read_profile(data: bytes) -> bytes | None:
    """The ICC profile, put together from its APP2 segments; None where there is none or a part is missing."""
    parts: dict[int, bytes] = {}
    count = 0
    for marker, _, body, end in segments(data):
        if marker == SOS:
            break
        if marker == APP2 and data.startswith(b"ICC_PROFILE\0", body) and end - body > 14:
            index, count = data[body + 12], data[body + 13]
            parts[index] = data[body + 14 : end]
    if count == 0 or sorted(parts) != list(range(1, count + 1)):
        return None
    return b"".join(parts[index] for index in range(1, count + 1))


def load(data: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture as stored, at `size` or what it has if that is less: mode L, RGB or CMYK.

    Raises:
        PictureError: damaged or cut off.
    """
    image, box = _decode(_pixels_only(data), size)
    if _ends_in_void(image):
        other, _ = _decode(_pixels_only(data, scan_tail=NOISE), size)
        if other.tobytes() != image.tobytes():
            raise cut_off("fewer coded blocks than the frame header promises")
    return resample(image, size, box)


def _decode(data: bytes, size: tuple[int, int]) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """Decoded at the smallest of the scales 1, 1/2, 1/4, 1/8 that covers `size`, and the picture's box in it.

    Against full decoding and Lanczos, a photo of 4000 x 3000 comes to 512 x 384 with 50 dB in a quarter of
    the time. The plugin is called by its class: `Image.open` imports others and warns through global state.
    """
    with decoder_errors():
        image = JpegImageFile(BytesIO(data))
        drafted = image.draft(None, size)
        image.load()
    return image, drafted[1] if drafted else (0, 0, *image.size)


def _pixels_only(data: bytes, scan_tail: bytes = b"") -> bytes:
    """The file without metadata and what follows EOI; `scan_tail` is put behind the data of every scan."""
    view = memoryview(data)
    parts: list[bytes | memoryview] = [view[:2]]
    scans = frames = 0
    scan_data = None
    for marker, start, _, end in segments(data):
        if scan_data is not None:
            parts += [view[scan_data:start], scan_tail]
        scan_data = end if marker == SOS else None
        scans += marker == SOS
        frames += marker in FRAMES
        if marker not in METADATA:
            parts.append(view[start:end])
    if scans > MAX_SCANS or frames != 1:
        raise damaged(f"{scans} scans in {frames} frames")
    return b"".join(parts)


def _ends_in_void(image: Image.Image) -> bool:
    """Whether the last pixel is the middle grey that libjpeg leaves, silently, where coded data is missing.

    That happens when the frame header promises more rows than were coded. A picture may rightly end in that
    grey, so `load` then decodes again with noise behind the data, which changes only what is missing.
    """
    last = image.getpixel((image.width - 1, image.height - 1))
    return all(value in (127, 128) for value in (last if isinstance(last, tuple) else (last,)))
