"""HEIC, the format of iPhone photos, with the extra `heic` (pillow-heif), whose decoder returns them upright."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from app.imaging.container import MAX_PROFILE_BYTES, StoredHeader, decoder_errors
from app.imaging.cost import Cost
from app.imaging.strips import shrink

PIXEL_BYTES = 12  # a pixel: planes of the tiles, colours, and their copy
PIXEL_SECONDS, BYTE_SECONDS = 20e-9, 60e-9


@dataclass(frozen=True, slots=True)
class HeicHeader(StoredHeader):
    """`coded_bytes` is the size of the file."""

    coded_bytes: int = 0

    def cost(self, size: tuple[int, int]) -> Cost:
        pixels = self.width * self.height
        held = PIXEL_BYTES * pixels + 16 * size[0] * size[1]
        return Cost(held, PIXEL_SECONDS * pixels + BYTE_SECONDS * self.coded_bytes)


@cache
def installed() -> bool:
    return importlib.util.find_spec("pillow_heif") is not None


def _open(data: bytes) -> Any:
    """The file's primary picture, its pixels not yet decoded."""
    import pillow_heif

    with decoder_errors():
        return pillow_heif.open_heif(data, convert_hdr_to_8bit=True)


def read_header(data: bytes) -> HeicHeader:
    """Raises PictureError."""
    width, height = _open(data).size
    return HeicHeader(width, height, coded_bytes=len(data))


def read_profile(data: bytes) -> bytes | None:
    """The embedded ICC profile; None where there is none or it is too large."""
    profile: bytes | None = _open(data).info.get("icc_profile")
    return profile if profile and len(profile) <= MAX_PROFILE_BYTES else None


def load(data: bytes, size: tuple[int, int]) -> Image.Image:
    """The upright picture at `size`: mode RGB or RGBA. Raises PictureError."""
    file = _open(data)
    with decoder_errors():
        pixels = np.asarray(file)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return shrink(np.ascontiguousarray(pixels), size)
