"""WebP (RFC 9649): the header from its RIFF chunks, and pixels.

Pillow would allocate the decoder's whole canvas just to read the size.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from app.imaging import libwebp
from app.imaging.container import (
    MAX_PIECES,
    MAX_PROFILE_BYTES,
    StoredHeader,
    cut_off,
    damaged,
    decoder_errors,
)
from app.imaging.cost import Cost
from app.imaging.orientation import orientation
from app.imaging.resize import resample
from app.imaging.strips import shrink

RIFF_HEADER_BYTES = 12
VP8_START_CODE = b"\x9d\x01\x2a"
VP8L_SIGNATURE = 0x2F
ANIMATED, ALPHA = 0x02, 0x10  # flags of VP8X
AREA_GAP = 2

# Bytes per pixel of the canvas while decoding: lossless coding, and alpha, refer back to all of it.
LOSSLESS_BYTES, ALPHA_BYTES, WHOLE_BYTES = 4.2, 5.2, 16
CANVAS_SECONDS, BYTE_SECONDS = 12e-9, 30e-9


@dataclass(frozen=True, slots=True)
class WebpHeader(StoredHeader):
    """
    Attributes:
        pixel_bytes: memory per pixel of the canvas while decoding.
        coded_bytes: size of the file.
        animated: flagged as an animation, even with one frame.
    """

    pixel_bytes: float = WHOLE_BYTES
    coded_bytes: int = 0
    animated: bool = False

    def cost(self, size: tuple[int, int]) -> Cost:
        pixels, seen = self.width * self.height, AREA_GAP**2 * size[0] * size[1]
        held = self.pixel_bytes * pixels + 8 * min(pixels, seen) + 100 * self.width
        return Cost(int(held), CANVAS_SECONDS * pixels + BYTE_SECONDS * self.coded_bytes)


class WebpChunk(NamedTuple):
    """A RIFF chunk, whose payload is `data[body:end]`."""

    kind: bytes
    body: int
    end: int


def is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def chunks(data: bytes) -> Iterator[WebpChunk]:
    """Every chunk within the RIFF size; what follows is ignored.

    Raises:
        PictureError: the structure is broken or ends early.
    """
    stop = 8 + _riff_bytes(data)
    position = RIFF_HEADER_BYTES
    for _ in range(MAX_PIECES):
        if position + 8 > stop:
            return
        kind, length = struct.unpack_from("<4sI", data, position)
        chunk = WebpChunk(kind, position + 8, position + 8 + length)
        if chunk.end > stop:
            raise cut_off(f"chunk {kind!r} ends after the file")
        yield chunk
        position = chunk.end + length % 2
    raise damaged("too many chunks")


def _riff_bytes(data: bytes) -> int:
    size = int.from_bytes(data[4:8], "little")
    if 8 + size > len(data):
        raise cut_off(f"RIFF promises {size} bytes")
    return size


def read_header(data: bytes) -> WebpHeader:
    """The header, from the structure alone.

    Raises:
        PictureError: the structure is broken.
    """
    size: tuple[int, int] | None = None
    exif = xmp = b""
    frames, pixel_bytes, animated = 0, 0.0, False
    for kind, body, end in chunks(data):
        if size is None:
            size = _canvas_size(kind, data[body : min(end, body + 10)])
            animated = kind == b"VP8X" and bool(data[body] & ANIMATED)
        elif kind == b"EXIF":
            exif = data[body:end]
        elif kind == b"XMP ":
            xmp = data[body:end]
        frames += kind == b"ANMF"
        pixel_bytes = max(pixel_bytes, {b"VP8L": LOSSLESS_BYTES, b"ALPH": ALPHA_BYTES}.get(kind, 0.0))
    if size is None or 0 in size:
        raise damaged("no size")
    if animated or libwebp.library() is None:
        pixel_bytes = WHOLE_BYTES
    turned = orientation(exif, xmp)
    return WebpHeader(*size, turned, max(frames, 1), pixel_bytes=pixel_bytes, coded_bytes=len(data), animated=animated)


def _canvas_size(kind: bytes, head: bytes) -> tuple[int, int]:
    """Width and height from the first 10 bytes of the file's first chunk."""
    if kind == b"VP8X" and len(head) == 10:
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8 " and len(head) == 10 and head[3:6] == VP8_START_CODE:
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(head) >= 5 and head[0] == VP8L_SIGNATURE:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise damaged(f"first chunk {kind!r}")


def read_profile(data: bytes) -> bytes | None:
    """The embedded ICC profile; None where there is none or it is too large."""
    for kind, body, end in chunks(data):
        if kind == b"ICCP":
            return data[body:end] if end - body <= MAX_PROFILE_BYTES else None
    return None


def load(data: bytes, size: tuple[int, int]) -> Image.Image:
    """The image before orientation, at `size`: mode RGB or RGBA.

    Raises:
        PictureError: damaged or cut off.
    """
    data = data[: 8 + _riff_bytes(data)]
    header = read_header(data)
    if header.animated or libwebp.library() is None:
        with decoder_errors():
            image = WebPImageFile(BytesIO(data))
            image.load()
        return resample(image, size)
    with decoder_errors():
        pixels = libwebp.decode(data, _decoded_size(header, size))
    return shrink(pixels, size)


def _decoded_size(header: WebpHeader, size: tuple[int, int]) -> tuple[int, int]:
    """Twice the requested size, for Lanczos to reduce further, or the whole canvas if smaller."""
    return (min(header.width, AREA_GAP * size[0]), min(header.height, AREA_GAP * size[1]))
