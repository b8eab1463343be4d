"""Bytes to picture: JPEG, PNG, WebP, AVIF and HEIC, recognized by their first bytes alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from PIL import Image

from app.errors import AnimatedPicture, EmptyBody, OutOfMemory, PictureTooLarge
from app.imaging import avif, heic, jpeg, png, webp
from app.imaging.container import StoredHeader
from app.imaging.cost import MAX_DECODE_BYTES, MIN_SECONDS, Cost
from app.imaging.picture import Picture
from app.imaging.profile import to_srgb
from app.imaging.resize import fitted
from app.imaging.signature import format_of

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = {5, 6, 7, 8}

# Each has read_header(data), read_profile(data) and load(data, size).
CODECS: dict[str, ModuleType] = {"jpeg": jpeg, "png": png, "webp": webp, "avif": avif, "heic": heic}


# Seconds per pixel of the result. With a profile it takes twice as long, without one a quarter.
FINISHING_BYTES, FINISHING_SECONDS = 12, 6e-9


@dataclass(frozen=True, slots=True)
class Header:
    """`format` is a name in CODECS; width and height are those of the upright image, in pixels."""

    format: str
    width: int
    height: int
    stored: StoredHeader | None = field(default=None, compare=False, repr=False)

    def cost(self, longer_edge: int | None = None) -> Cost:
        """Cost of decoding to that longer edge, as `decode` does it."""
        if self.stored is None:
            return Cost(0, MIN_SECONDS)
        size = _size(self.stored, longer_edge)
        cost = self.stored.cost(size)
        # Rotation, the profile, and the resulting array.
        pixels = size[0] * size[1]
        seconds = MIN_SECONDS + cost.seconds + FINISHING_SECONDS * pixels
        return Cost(cost.bytes + FINISHING_BYTES * pixels, seconds)


def probe(data: bytes, max_megapixels: float) -> Header:
    """The header, without decoding a pixel.

    Raises:
        EmptyBody: no bytes.
        UnsupportedPicture: none of the formats in CODECS, or a variant that is not supported.
        PictureTooLarge: more than `max_megapixels`.
        AnimatedPicture: more than one frame.
        PictureError: the structure is damaged or cut off.
    """
    if not data:
        raise EmptyBody("There are no bytes where a picture was expected.")
    format = format_of(data)
    stored: StoredHeader = CODECS[format].read_header(data)
    megapixels = stored.width * stored.height / 1e6
    if megapixels > max_megapixels:
        raise PictureTooLarge(f"The picture has {megapixels:.1f} megapixels; at most {max_megapixels:g} are read.")
    if stored.frames > 1:
        raise AnimatedPicture("Animated pictures are not read; send a single frame.")
    size = (stored.width, stored.height)
    return Header(format, *(size[::-1] if stored.orientation in SIDEWAYS else size), stored)


def decode(
    data: bytes, max_megapixels: float, longer_edge: int | None = None, *, max_bytes: int = MAX_DECODE_BYTES
) -> Picture:
    """The upright image in sRGB, without metadata.

    If `longer_edge` is given and less than the image's, the result has exactly that longer edge; formats that can are
    then decoded at a reduced size, or in strips.

    Args:
        max_bytes: memory that decoding may use.

    Raises:
        OutOfMemory: the pixels do not fit into memory.
        PictureTooLarge: as `probe`, or decoding it would take more than `max_bytes`, or too long.
        EmptyBody, UnsupportedPicture, AnimatedPicture: as `probe`.
        PictureError: as `probe`, or the pixels are damaged or fewer than the header promises.
    """
    header = probe(data, max_megapixels)
    header.cost(longer_edge).check(max_bytes)
    assert header.stored is not None
    codec = CODECS[header.format]
    try:
        image: Image.Image = codec.load(data, _size(header.stored, longer_edge))
        if header.stored.orientation in UPRIGHT:
            image = image.transpose(UPRIGHT[header.stored.orientation])
        return _in_srgb(image, codec.read_profile(data))
    except MemoryError as error:
        raise OutOfMemory(private=repr(error)) from error


def _size(stored: StoredHeader, longer_edge: int | None) -> tuple[int, int]:
    """Width and height, before orientation, to decode to."""
    size = (stored.width, stored.height)
    return size if longer_edge is None or longer_edge >= max(size) else fitted(*size, longer_edge)


def _in_srgb(image: Image.Image, profile: bytes | None) -> Picture:
    alpha = None
    if image.mode in ("LA", "RGBA"):
        alpha = np.array(image.getchannel("A"))
        image = image.convert(image.mode[:-1])
    # np.array copies: the view of Pillow's bytes would be read-only, which torch warns about.
    rgb = np.array(to_srgb(image, profile))
    return Picture(rgb, None if alpha is None or alpha.min() == 255 else alpha)
