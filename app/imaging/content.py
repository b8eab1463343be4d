"""The content picture at the size of its stylized image."""

from __future__ import annotations

from app.errors import InvalidOption
from app.imaging.decode import Header, decode
from app.imaging.picture import Picture
from app.imaging.resize import fitted, resize

# Pixels; a photo that cannot be read at this edge is refused.
SMALLEST_READ = 1024


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


def large_size(width: int, height: int, size: int | None, edge_pixels: int, megapixels: float) -> tuple[int, int]:
    """As `working_size`, for results that are bounded in their pixels, too. Raises InvalidOption."""
    longer, shorter = max(width, height), min(width, height)
    most = min(edge_pixels, int((megapixels * 1e6 * longer / shorter) ** 0.5))
    if size is not None and size > most:
        raise InvalidOption(
            f"With this photo, a `size` of {size} makes {size * size * shorter / longer / 1e6:.3g} megapixels; at most"
            f" {megapixels:g} are painted, which is a `size` of {most}."
        )
    return working_size(width, height, size, most)


def reading_edge(header: Header, longer_edge: int, max_bytes: int) -> int:
    """The longer edge at which a photo is read for a result of `longer_edge`: less where its decoder needs too much."""
    edge = min(longer_edge, max(header.width, header.height))
    while edge > SMALLEST_READ and header.cost(edge).bytes > max_bytes:
        edge = int(0.9 * edge)
    return edge
