"""PNG (W3C, third edition): the header from its chunks, and pixels of every colour type and depth."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from app.imaging.container import (
    MAX_PIECES,
    MAX_PROFILE_BYTES,
    StoredHeader,
    cut_off,
    damaged,
    decoder_errors,
)
from app.imaging.exif import orientation
from app.imaging.resize import resample

MAGIC = b"\x89PNG\r\n\x1a\n"

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
# First column, first row, column step, row step of the seven passes.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
DEFLATE_RATIO = 1032  # the most that deflate can expand (zlib's technical notes)
INFLATE_STEP = 1 << 20


class PngChunk(NamedTuple):
    """`data[start:end]`, length and CRC included; its payload is `data[body : end - 4]`."""

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
        """Bytes of the filtered rows that IDAT must inflate to."""
        bits = CHANNELS[self.colour] * self.depth
        passes = ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for x, y, dx, dy in passes:
            columns, rows = -(-max(self.width - x, 0) // dx), -(-max(self.height - y, 0) // dy)
            total += rows * (1 + -(-columns * bits // 8)) if columns else 0
        return total


def chunks(data: bytes) -> Iterator[PngChunk]:
    """Every chunk up to IEND; what follows is ignored.

    Raises:
        PictureError: the structure is broken, or ends without IEND.
    """
    position = len(MAGIC)
    for _ in range(MAX_PIECES):
        if position + 12 > len(data):
            raise cut_off("no IEND")
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = PngChunk(kind, position, position + 8, position + 12 + length)
        if chunk.end > len(data):
            raise cut_off(f"chunk {kind!r} ends after the file")
        if not kind.isalpha() or (kind[:1].isupper() and kind not in PIXELS):
            raise damaged(f"unknown chunk {kind!r}")
        yield chunk
        if kind == b"IEND":
            return
        position = chunk.end
    raise damaged("too many chunks")


def read_header(data: bytes) -> StoredHeader:
    """The header, from the structure alone.

    Raises:
        PictureError: the structure is broken, or the data cannot hold the pixels that the header promises.
    """
    header = _image_header(data)
    exif, frames, coded_bytes = b"", 1, 0
    for kind, _, body, end in chunks(data):
        if kind == b"acTL" and end - body >= 8:
            frames = int.from_bytes(data[body : body + 4], "big")
        elif kind == b"eXIf":
            exif = data[body : end - 4]
        elif kind == b"IDAT":
            coded_bytes += end - body - 4
    if coded_bytes * DEFLATE_RATIO < header.data_bytes:
        raise cut_off(f"{coded_bytes} bytes cannot hold {header.data_bytes}")
    return StoredHeader(header.width, header.height, orientation(exif), frames)


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
    if zlib.crc32(memoryview(data)[chunk.body - 4 : chunk.end - 4]) != int.from_bytes(
        data[chunk.end - 4 : chunk.end], "big"
    ):
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
    """The picture as stored, at `size`: mode L, LA, RGB or RGBA.

    Raises:
        PictureError: damaged or cut off.
    """
    header = _image_header(data)
    with decoder_errors():
        image: Image.Image = PngImageFile(BytesIO(_pixels_only(data, header)))
        image.load()
    # Pillow leaves the rest black where IDAT ends early, without an error.
    if header.interlaced or _last_row_is_zero(image):
        _check_data_bytes(data, header)
    return resample(_in_eight_bits(image, header), size)


def _pixels_only(data: bytes, header: ImageHeader) -> bytes:
    """The file with its pixel chunks alone, their checksums verified."""
    view = memoryview(data)
    parts: list[bytes | memoryview] = [MAGIC]
    seen: dict[bytes, int] = {}
    for chunk in chunks(data):
        if chunk.kind in PIXELS:
            _check_crc(data, chunk)
            seen[chunk.kind] = seen.get(chunk.kind, 0) + 1
            parts.append(view[chunk.start : chunk.end])
    if seen[b"IHDR"] != 1 or seen.get(b"tRNS", 0) > 1 or seen.get(b"PLTE", 0) > 1:
        raise damaged(f"repeated chunks {seen}")
    if header.colour == PALETTE and b"PLTE" not in seen:
        raise damaged("no palette")
    return b"".join(parts)


def _last_row_is_zero(image: Image.Image) -> bool:
    return not np.asarray(image.crop((0, image.height - 1, image.width, image.height))).any()


def _check_data_bytes(data: bytes, header: ImageHeader) -> None:
    """Inflates IDAT in steps, only to count. Raises PictureError where rows are missing."""
    missing = header.data_bytes
    inflater = zlib.decompressobj()
    for kind, _, body, end in chunks(data):
        compressed: bytes | memoryview = memoryview(data)[body : end - 4] if kind == b"IDAT" else b""
        while compressed and missing > 0 and not inflater.eof:
            with decoder_errors():
                missing -= len(inflater.decompress(compressed, INFLATE_STEP))
            compressed = inflater.unconsumed_tail
    if missing > 0:
        raise cut_off(f"{missing} bytes of rows are missing")


def _in_eight_bits(image: Image.Image, header: ImageHeader) -> Image.Image:
    """Mode L, LA, RGB or RGBA; a palette's or a colour key's transparency becomes alpha.

    Pillow hands over 16-bit grey as it is and the high bytes of other 16-bit samples. It keeps the colour key
    of tRNS at the file's depth but scales 1, 2 and 4 bits to 8, so the key is scaled here.
    """
    key = image.info.pop("transparency", None)
    if header.colour == PALETTE:
        if key is None:
            return image.convert("RGB")
        image.info["transparency"] = key
        with decoder_errors():
            return image.convert("RGBA")
    if header.colour == GREY and header.depth == 16:
        samples = np.asarray(image).astype(np.uint32)
        grey = ((samples + 128) // 257).astype(np.uint8)
        return _with_alpha(Image.fromarray(grey), None if key is None else samples != key)
    if header.colour == GREY:
        grey = np.asarray(image.convert("L"))
        scale = 255 // (2**header.depth - 1)
        # Pillow gives the key of a 1-bit picture as 0 or 255 already.
        scaled = key if header.depth == 1 or key is None else key * scale
        return _with_alpha(image.convert("L"), None if key is None else grey != scaled)
    if header.colour == RGB and key is not None:
        wanted = np.array(key) >> (header.depth - 8)
        return _with_alpha(image, (np.asarray(image) != wanted).any(axis=2))
    return image


def _with_alpha(image: Image.Image, opaque: NDArray[np.bool_] | None) -> Image.Image:
    if opaque is not None:
        image.putalpha(Image.fromarray(opaque.astype(np.uint8) * 255))
    return image
