"""The photo of a job, at the size of its result."""

from __future__ import annotations

from app.imaging.content import decode_at, working_size
from app.imaging.decode import probe
from app.imaging.picture import Picture
from app.settings import Settings


def read_photo(data: bytes, settings: Settings, size: int | None, edge_pixels: int) -> Picture:
    """Decode at a longer edge of `size` pixels; None: at its own, at most `edge_pixels`. Raises PictureError."""
    header = probe(data, settings.picture_megapixels)
    width, height = working_size(header.width, header.height, size, edge_pixels)
    return decode_at(data, width, height, settings.picture_megapixels, settings.decode_bytes)
