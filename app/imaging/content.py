"""The content picture at the size of its stylized image."""

from __future__ import annotations

from app.imaging.decode import decode
from app.imaging.picture import Picture
from app.imaging.resize import fitted, resize


def working_size(width: int, height: int, size: int | None, edge_pixels: int) -> tuple[int, int]:
    """Width and height of the stylized image of an image of width x height.

    Args:
        size: requested longer edge; None: the image's own, at most `edge_pixels`.
    """
    return fitted(width, height, size or min(max(width, height), edge_pixels))


def decode_at(data: bytes, width: int, height: int, max_megapixels: float, max_bytes: int) -> Picture:
    """Decode to width x height, reducing while decoding or enlarging afterwards. Raises as `decode`."""
    picture = decode(data, max_megapixels, max(width, height), max_bytes=max_bytes)
    return picture if (picture.width, picture.height) == (width, height) else resize(picture, width, height)
