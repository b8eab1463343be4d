"""AVIF, read by the libavif that Pillow bundles, which parses the file and does not apply its orientation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from app.imaging.container import MAX_PROFILE_BYTES, StoredHeader, cut_off, decoder_errors
from app.imaging.cost import Cost
from app.imaging.orientation import orientation
from app.imaging.strips import shrink

# Bytes a pixel: planes, colours, and their copy. Measured at 40 megapixels of 8 bits: 7.6 with 4:2:0, 9.1 with 4:4:4.
BYTES, DEEP_BYTES, ALPHA_BYTES = 10, 16, 4
PIXEL_SECONDS, BYTE_SECONDS = 15e-9, 60e-9
# av1C (AV1 in ISOBMFF, section 2.3.3): two bytes after its name, the bit for more than 8 bits per sample.
CONFIGURATION, DEEP = b"av1C", 0x40
SEARCHED_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class AvifHeader(StoredHeader):
    """`pixel_bytes` is memory per pixel while decoding; `coded_bytes` is the size of the file."""

    pixel_bytes: int = DEEP_BYTES
    coded_bytes: int = 0

    def cost(self, size: tuple[int, int]) -> Cost:
        pixels = self.width * self.height
        held = self.pixel_bytes * pixels + 16 * size[0] * size[1]
        return Cost(held, PIXEL_SECONDS * pixels + BYTE_SECONDS * self.coded_bytes)


def read_header(data: bytes) -> AvifHeader:
    """The header, from the structure alone.

    Raises:
        PictureError: the structure is broken.
    """
    (width, height), frames, mode, _, exif, turned, xmp = _open(data).get_info()
    at = data.find(CONFIGURATION, 0, SEARCHED_BYTES)
    deep = at < 0 or any(data[place + 6] & DEEP for place in _all(data, at))
    pixel_bytes = (DEEP_BYTES if deep else BYTES) + (ALPHA_BYTES if mode == "RGBA" else 0)
    # Pillow puts the orientation of the file's own boxes into EXIF; without these boxes, some writers use EXIF.
    upright = turned if turned != 1 else orientation(exif or b"", xmp or b"")
    return AvifHeader(width, height, upright, frames, pixel_bytes, len(data))


def _all(data: bytes, at: int) -> list[int]:
    places = []
    while 0 <= at < min(len(data) - 7, SEARCHED_BYTES):
        places.append(at)
        at = data.find(CONFIGURATION, at + 4, SEARCHED_BYTES)
    return places


def _open(data: bytes) -> Any:
    from PIL import _avif  # not in every Pillow

    with decoder_errors():
        return _avif.AvifDecoder(data, "auto", 1)


def read_profile(data: bytes) -> bytes | None:
    """The embedded ICC profile; None where there is none or it is too large."""
    profile: bytes | None = _open(data).get_info()[3]
    return profile if profile and len(profile) <= MAX_PROFILE_BYTES else None


def load(data: bytes, size: tuple[int, int]) -> Image.Image:
    """The picture as stored, at `size`: mode RGB or RGBA.

    Raises:
        PictureError: damaged or cut off.
    """
    decoder = _open(data)
    (width, height), _, mode, *_ = decoder.get_info()
    with decoder_errors():
        pixels, *_ = decoder.get_frame(0)
    del decoder  # with the planes
    if len(pixels) != width * height * len(mode):
        raise cut_off(f"{len(pixels)} bytes of pixels")
    return shrink(np.frombuffer(pixels, np.uint8).reshape(height, width, len(mode)), size)
