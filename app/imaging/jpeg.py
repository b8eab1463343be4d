"""JPEG (ITU-T T.81): the header from its marker segments, and pixels at the scale that is needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from app.errors import UnsupportedPicture
from app.imaging.container import MAX_PROFILE_BYTES, StoredHeader, cut_off, damaged, decoder_errors
from app.imaging.cost import Cost
from app.imaging.jpeg_markers import (
    APP1,
    APP2,
    COM,
    EOI,
    FRAMES,
    SOS,
    FrameHeader,
    Segment,
    frame_of,
    scanned,
    segments,
)
from app.imaging.orientation import EXIF_PREFIX, XMP_PREFIX, orientation
from app.imaging.resize import resample

MAGIC = b"\xff\xd8\xff"
HUFFMAN_DCT_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what cameras and browsers know
# APP0 (JFIF) and APP14 (Adobe) stay: they say how the components become colours.
METADATA = {*range(APP1, 0xEE), 0xEF, COM}

# libjpeg writes 10 scans. Each pass covers the whole image, so a file of thousands of tiny scans would take hours.
MAX_SCANS = 32
SCALES = (8, 4, 2, 1)
# Seconds per sample and scan, per decoded pixel, and per byte of the file; from photos of 40 megapixels.
PASS_SECONDS, PIXEL_SECONDS, BYTE_SECONDS = 1e-9, 4e-9, 8e-9
COEFFICIENT_BYTES = 2
PILLOW_BYTES = 4  # a pixel, in every mode but L

# Any bytes without FF, which every Huffman table decodes to some coefficients.
NOISE = bytes((37 * i * i + 11 * i + 5) % 251 for i in range(1, 512))
HASHED_ROWS = 64


@dataclass(frozen=True, slots=True)
class JpegHeader(StoredHeader):
    """
    Attributes:
        passes: samples that all scans together cover.
        coefficients: number kept in memory between several scans; 0 with a single scan.
        coded_bytes: size of the file.
    """

    passes: int = 0
    coefficients: int = 0
    coded_bytes: int = 0

    def cost(self, size: tuple[int, int]) -> Cost:
        scale = next(s for s in SCALES if s == 1 or (self.width // s >= size[0] and self.height // s >= size[1]))
        pixels = -(-self.width // scale) * -(-self.height // scale)
        held = PILLOW_BYTES * pixels + COEFFICIENT_BYTES * self.coefficients + 64 * self.width + self.coded_bytes
        work = PASS_SECONDS * self.passes + PIXEL_SECONDS * pixels + BYTE_SECONDS * self.coded_bytes
        return Cost(held, work)


def read_header(data: bytes) -> JpegHeader:
    """The header of the first image; others, which phones append, are ignored.

    Raises:
        PictureError: the structure is broken.
        UnsupportedPicture: lossless, arithmetic-coded, hierarchical or not 8 bits deep.
    """
    frame: FrameHeader | None = None
    exif = xmp = b""
    scans = passes = 0
    whole = False
    pieces = segments(data)
    for marker, _, body, end in pieces:
        if marker in FRAMES:
            if frame is not None:
                raise damaged("two frame headers")
            frame = _checked(frame_of(pieces, data))
        elif marker == APP1 and not scans:
            exif = exif or (data[body:end] if data.startswith(EXIF_PREFIX, body) else b"")
            xmp = xmp or (data[body:end] if data.startswith(XMP_PREFIX, body) else b"")
        elif marker == SOS and frame is not None:
            components = scanned(data[body:end])[0]
            scans += 1
            passes += sum(frame.samples.get(name, 0) for name in components)
            whole = len(components) == len(frame.samples) and not frame.progressive
    if frame is None or not scans:
        raise damaged("no frame")
    kept = 0 if whole and scans == 1 else sum(frame.samples.values())
    turned = orientation(exif, xmp)
    return JpegHeader(frame.width, frame.height, turned, passes=passes, coefficients=kept, coded_bytes=len(data))


def _checked(frame: FrameHeader) -> FrameHeader:
    if frame.marker not in HUFFMAN_DCT_FRAMES or frame.depth != 8 or len(frame.samples) not in (1, 3, 4):
        raise UnsupportedPicture(
            "Only baseline and progressive JPEG with 8 bits and 1, 3 or 4 channels can be read.",
            private=f"SOF {frame.marker:#x}, {frame.depth} bits, {len(frame.samples)} components",
        )
    if frame.width == 0 or frame.height == 0:
        raise damaged("no size in the frame header")
    return frame


def read_profile(data: bytes) -> bytes | None:
    """The ICC profile, joined from its APP2 segments; None if there is none, a part is missing, or it is too large."""
    parts: dict[int, bytes] = {}
    count = 0
    for marker, _, body, end in segments(data):
        if marker == SOS:
            break
        if marker == APP2 and data.startswith(b"ICC_PROFILE\0", body) and end - body > 14:
            index, count = data[body + 12], data[body + 13]
            parts[index] = data[body + 14 : end]
    if count == 0 or sorted(parts) != list(range(1, count + 1)) or sum(map(len, parts.values())) > MAX_PROFILE_BYTES:
        return None
    return b"".join(parts[index] for index in range(1, count + 1))


def load(data: bytes, size: tuple[int, int]) -> Image.Image:
    """The image before orientation, at `size` or its own size if smaller: mode L, RGB or CMYK.

    Raises:
        PictureError: damaged or cut off.
    """
    pieces = segments(data)
    image, box = _decode(_pixels_only(data, pieces), size)
    if pieces[-1].start == pieces[-1].end or _ends_in_void(image):
        # Decode again with noise after the data of every scan: only missing blocks change.
        expected = _hash_of(image)
        del image
        image, box = _decode(_pixels_only(data, pieces, scan_tail=NOISE), size)
        if _hash_of(image) != expected:
            raise cut_off("fewer coded blocks than the frame header promises")
    return resample(image, size, box)


def _decode(data: bytes, size: tuple[int, int]) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """The image at the smallest of the scales 1, 1/2, 1/4, 1/8 that covers `size`, and its box within that.

    From 4000 x 3000 to 512 x 384, this takes a quarter of the time of full decoding and Lanczos, at 50 dB. The plugin
    class is called directly: `Image.open` imports others and warns through global state.
    """
    with decoder_errors():
        image = JpegImageFile(BytesIO(data))
        drafted = image.draft(None, size)
        image.load()
    return image, drafted[1] if drafted else (0, 0, *image.size)


def _pixels_only(data: bytes, pieces: list[Segment], scan_tail: bytes = b"") -> bytes:
    """The file without metadata and without what follows EOI, with `scan_tail` after the data of every scan."""
    view = memoryview(data)
    parts: list[bytes | memoryview] = [view[:2]]
    scans = frames = 0
    scan_data = None
    for marker, start, _, end in pieces:
        if scan_data is not None:
            # With half an EOI at the end of the file, the byte put after it would make a marker.
            stop = start - (marker == EOI and start == end and data[start - 1 : start] == b"\xff")
            parts += [view[scan_data:stop], scan_tail]
        scan_data = end if marker == SOS else None
        scans += marker == SOS
        frames += marker in FRAMES
        if marker not in METADATA:
            parts.append(view[start:end] if start < end else b"\xff\xd9")
    if scans > MAX_SCANS or frames != 1:
        raise damaged(f"{scans} scans in {frames} frames")
    return b"".join(parts)


def _ends_in_void(image: Image.Image) -> bool:
    """Whether the last pixel is the mid-grey that libjpeg silently leaves where coded data is missing.

    That happens when the frame header promises more rows than were coded. A valid image may end in that grey, too.
    """
    last = image.getpixel((image.width - 1, image.height - 1))
    return all(value in (127, 128) for value in (last if isinstance(last, tuple) else (last,)))


def _hash_of(image: Image.Image) -> bytes:
    """A hash of the pixels, without copying them all."""
    found = hashlib.blake2b()
    for top in range(0, image.height, HASHED_ROWS):
        found.update(image.crop((0, top, image.width, min(top + HASHED_ROWS, image.height))).tobytes())
    return found.digest()
