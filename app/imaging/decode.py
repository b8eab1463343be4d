"""Bytes to picture: JPEG, PNG and WebP, told by their first bytes and never by a name or a Content-Type."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
from PIL import Image

from app.errors import AnimatedPicture, EmptyBody, OutOfMemory, PictureTooLarge, UnsupportedPicture
from app.imaging import jpeg, png, webp
from app.imaging.container import StoredHeader
from app.imaging.foreign import name_of
from app.imaging.picture import Picture
from app.imaging.profile import to_srgb
from app.imaging.resize import fitted

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
CODECS: dict[str, ModuleType] = {"jpeg": jpeg, "png": png, "webp": webp}


@dataclass(frozen=True, slots=True)
class Header:
    """`format` is jpeg, png or webp; width and height in pixels are those of the upright picture."""

    format: str
    width: int
    height: int


def probe(data: bytes, max_megapixels: float) -> Header:
    """The header, without decoding a pixel.

    Raises:
        EmptyBody: no bytes.
        UnsupportedPicture: not JPEG, PNG or WebP, or a kind of them that is not read.
        PictureTooLarge: more than `max_megapixels`.
        AnimatedPicture: an animated WebP or PNG of more than one frame.
        PictureError: the structure is damaged or cut off.
    """
    format, stored = _inspect(data, max_megapixels)
    width, height = stored.width, stored.height
    return Header(format, *((height, width) if stored.orientation in SIDEWAYS else (width, height)))


def decode(data: bytes, max_megapixels: float, longer_edge: int | None = None) -> Picture:
    """The upright picture in sRGB without metadata.

    It is made smaller, so that its longer edge has exactly `longer_edge` pixels, where that is given and less
    than its own; a JPEG is then decoded at 1/2, 1/4 or 1/8 already where that is enough.

    Raises:
        OutOfMemory: the pixels do not fit into the memory.
        EmptyBody, UnsupportedPicture, PictureTooLarge, AnimatedPicture: as `probe`.
        PictureError: as `probe`, or the pixels are damaged or fewer than the header promises.
    """
    format, stored = _inspect(data, max_megapixels)
    size = (stored.width, stored.height)
    if longer_edge is not None and longer_edge < max(size):
        size = fitted(*size, longer_edge)
    try:
        image: Image.Image = CODECS[format].load(data, size)
        if stored.orientation in UPRIGHT:
            image = image.transpose(UPRIGHT[stored.orientation])
        return _in_srgb(image, CODECS[format].read_profile(data))
    except MemoryError as error:
        raise OutOfMemory(private=repr(error)) from error


def _inspect(data: bytes, max_megapixels: float) -> tuple[str, StoredHeader]:
    """Format and header of a picture that may be decoded; raises as `probe`."""
    format = _format(data)
    stored: StoredHeader = CODECS[format].read_header(data)
    megapixels = stored.width * stored.height / 1e6
    if megapixels > max_megapixels:
        raise PictureTooLarge(f"The picture has {megapixels:.1f} megapixels; at most {max_megapixels:g} are read.")
    if stored.frames > 1:
        raise AnimatedPicture("Animated pictures are not read; send a single frame.")
    return format, stored


def _format(data: bytes) -> str:
    if not data:
        raise EmptyBody("There are no bytes where a picture was expected.")
    if data.startswith(jpeg.MAGIC):
        return "jpeg"
    if data.startswith(png.MAGIC):
        return "png"
    if webp.is_webp(data):
        return "webp"
    found = name_of(data)
    came = f" but {found}" if found else ""
    raise UnsupportedPicture(f"The bytes are not a JPEG, PNG or WebP picture{came}.")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Picture:
    alpha = None
    if image.mode in ("LA", "RGBA"):
        alpha = np.array(image.getchannel("A"))
        image = image.convert(image.mode[:-1])
    # np.array copies: the view of Pillow's bytes would be read-only, which torch warns about.
    rgb = np.array(to_srgb(image, profile))
    return Picture(rgb, None if alpha is None or alpha.min() == 255 else alpha)
