"""The photo of a job, at the size of its painting."""

from __future__ import annotations

from app.imaging.decode import decode, probe
from app.imaging.picture import Picture
from app.imaging.resize import fitted, resize
from app.settings import Settings


def read_photo(data: bytes, settings: Settings, size: int | None, edge_pixels: int) -> Picture:
    """Decode at a longer edge of `size` pixels; None: at its own, at most `edge_pixels`. Raises PictureError."""
    header = probe(data, settings.picture_megapixels)
    longer = size or min(max(header.width, header.height), edge_pixels)
    width, height = fitted(header.width, header.height, longer)
    picture = decode(data, settings.picture_megapixels, max(width, height), max_bytes=settings.decode_bytes)
    return picture if (picture.width, picture.height) == (width, height) else resize(picture, width, height)
