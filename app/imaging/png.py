"""PNG (W3C, third edition): the header from its chunks, and pixels of every colour type and depth."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from app.imaging.container import (
    MAX_PIECES,
    MAX_PROFILE_BYTES,
    StoredHeader,
    cut_off,
    damaged,
)
from app.imaging.cost import Cost
from app.imaging.orientation import orientation
from app.imaging.png_rows import (
    ADAM7,
    CHANNELS,
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    Inflated,
    Samples,
    load_interlaced,
    load_rows,
)
from app.imaging.strips import Shrinker, shrinking_bytes

MAGIC = b"\x89PNG\r\n\x1a\n"

DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
DEFLATE_RATIO = 1032  # highest ratio of deflate (zlib's technical notes)
XMP_KEYWORD = b"XML:com.adobe.xmp\0"
MAX_XMP_BYTES = 1 << 20
# Seconds to inflate and unfilter a byte, and to convert a pixel; from photos of 40 megapixels.
BYTE_SECONDS, PIXEL_SECONDS = 8e-9, 10e-9


class PngChunk(NamedTuple):
    """`data[start:end]`, including length and CRC; the payload is `data[body : end - 4]`."""

    kind: bytes
    start: int
    body: int
    end: int


class ImageHeader(NamedTuple):
    """The fields of IHDR."""

    width: int
    height: int
    depth: int
    colour: int
    compression: int
    filter: int
    interlaced: int

    @property
    def data_bytes(self) -> int:
        """Bytes of filtered rows that IDAT must inflate to."""
        bits = CHANNELS[self.colour] * self.depth
        passes = ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for x, y, dx, dy in passes:
            columns, rows = -(-max(self.width - x, 0) // dx), -(-max(self.height - y, 0) // dy)
            total += rows * (1 + -(-columns * bits // 8)) if columns else 0
        return total


def chunks(data: bytes) -> Iterator[PngChunk]:
    """Every chunk up to IEND; what follows is ignored.

    After the first pixels, the structure may break off: the number of rows shows whether all are there. The end of a
    truncated IDAT is as if its checksum followed after the end of the file.

    Raises:
        PictureError: the structure is broken before any pixel.
    """
    position, pixels = len(MAGIC), False
    for _ in range(MAX_PIECES):
        if position + 8 > len(data):
            if pixels:
                return
            raise cut_off("no IDAT")
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = PngChunk(kind, position, position + 8, position + 12 + length)
        if kind == b"IDAT" and chunk.end > len(data):
            yield chunk._replace(end=len(data) + 4)
            return
        if not kind.isalpha() or (kind[:1].isupper() and kind not in PIXELS):
            if pixels:
                return
            raise damaged(f"unknown chunk {kind!r}")
        if chunk.end > len(data):
            if pixels:
                return
            raise cut_off(f"chunk {kind!r} ends after the file")
        yield chunk
        if kind == b"IEND":
            return
        pixels = pixels or kind == b"IDAT"
        position = chunk.end
    raise damaged("too many chunks")


@dataclass(frozen=True, slots=True)
class PngHeader(StoredHeader):
    """`image` has the fields of IHDR."""

    image: ImageHeader | None = None

    def cost(self, size: tuple[int, int]) -> Cost:
        assert self.image is not None
        row_bytes = 1 + -(-self.width * CHANNELS[self.image.colour] * self.image.depth // 8)
        held = shrinking_bytes(self.width, self.height, size, row_bytes)
        if self.image.interlaced:
            held += 4 * self.width * self.height
        work = BYTE_SECONDS * self.image.data_bytes + PIXEL_SECONDS * self.width * self.height
        return Cost(held, work)


def read_header(data: bytes) -> PngHeader:
    """The header, from the structure alone.

    Raises:
        PictureError: the structure is broken, or the data cannot hold the pixels that the header promises.
    """
    header = _image_header(data)
    exif, xmp, frames, coded_bytes = b"", None, 1, 0
    for kind, _, body, end in chunks(data):
        if kind == b"acTL" and end - body >= 8:
            frames = int.from_bytes(data[body : body + 4], "big")
        elif kind == b"eXIf":
            exif = data[body : end - 4]
        # Only the first one, whatever it holds: each may inflate to a megabyte, and a file can have thousands.
        elif kind == b"iTXt" and xmp is None and data.startswith(XMP_KEYWORD, body):
            xmp = _text(data[body + len(XMP_KEYWORD) : end - 4])
        elif kind == b"IDAT":
            coded_bytes += end - body - 4
    if coded_bytes * DEFLATE_RATIO < header.data_bytes:
        raise cut_off(f"{coded_bytes} bytes cannot hold {header.data_bytes}")
    return PngHeader(header.width, header.height, orientation(exif, xmp or b""), frames, header)


def _text(rest: bytes) -> bytes:
    """The text of an iTXt, after its keyword, compression flag and method, language and translated keyword."""
    _, _, text = rest[2:].split(b"\0", 2) if rest[2:].count(b"\0") >= 2 else (b"", b"", b"")
    if not rest.startswith(b"\1"):
        return text
    try:
        return zlib.decompressobj().decompress(text, MAX_XMP_BYTES)
    except zlib.error:
        return b""


def _image_header(data: bytes) -> ImageHeader:
    first = next(chunks(data))
    if first.kind != b"IHDR" or first.end - first.body != 13 + 4:
        raise damaged("no IHDR")
    _check_crc(data, first)
    header = ImageHeader._make(struct.unpack_from(">IIBBBBB", data, first.body))
    if header.depth not in DEPTHS.get(header.colour, ()) or header.compression or header.filter:
        raise damaged(f"impossible {header}")
    if not (0 < header.width < 2**31 and 0 < header.height < 2**31 and header.interlaced <= 1):
        raise damaged(f"impossible {header}")
    return header


def _check_crc(data: bytes, chunk: PngChunk) -> None:
    written = data[chunk.end - 4 : chunk.end]
    if written and zlib.crc32(memoryview(data)[chunk.body - 4 : chunk.end - 4]) != int.from_bytes(written, "big"):
        raise damaged(f"wrong checksum of {chunk.kind!r}")


def read_profile(data: bytes) -> bytes | None:
    """The embedded ICC profile; None where there is none, or it is damaged or too large."""
    for kind, _, body, end in chunks(data):
        if kind == b"iCCP":
            _, _, compressed = data[body : end - 4].partition(b"\0")
            inflater = zlib.decompressobj()
            try:
                profile = inflater.decompress(compressed[1:], MAX_PROFILE_BYTES)
            except zlib.error:
                return None
            return profile if inflater.eof else None
    return None


def load(data: bytes, size: tuple[int, int]) -> Image.Image:
    """The image before orientation, at `size`: mode L, LA, RGB or RGBA.

    Raises:
        PictureError: damaged or cut off.
    """
    header = _image_header(data)
    pixels, samples = _read_pixels(data, header)
    shrinker = Shrinker(header.width, header.height, samples.channels, size)
    rows = load_interlaced if header.interlaced else load_rows
    rows(Inflated(pixels), samples, header.width, header.height, shrinker)
    return shrinker.picture()


def _read_pixels(data: bytes, header: ImageHeader) -> tuple[list[memoryview], Samples]:
    """The coded pixels, checksums verified, and how they map to colours. Raises PictureError."""
    coded: list[memoryview] = []
    once: dict[bytes, bytes] = {}
    for chunk in chunks(data):
        if chunk.kind not in PIXELS:
            continue
        _check_crc(data, chunk)
        if chunk.kind == b"IDAT":
            coded.append(memoryview(data)[chunk.body : min(chunk.end - 4, len(data))])
        elif chunk.kind in once:
            raise damaged(f"repeated chunk {chunk.kind!r}")
        else:
            once[chunk.kind] = data[chunk.body : chunk.end - 4]
    palette = once.get(b"PLTE", b"")
    if header.colour == PALETTE and (len(palette) % 3 or not 3 <= len(palette) <= 768):
        raise damaged(f"a palette of {len(palette)} bytes")
    return coded, Samples.of(header.colour, header.depth, palette, once.get(b"tRNS"))
