"""The stylized image from the network's output and the photo: size, colours, strength."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from app.imaging.colour import keep_colour, lay_over, matching_luma
from app.imaging.palette import mapped, match_colour, palette_table
from app.imaging.picture import Picture, Pixels
from app.imaging.stroke import at_size

# Rows that are laid over others at a time: parts of rows are copied.
PART_ROWS = 64

Colour = Literal["style", "keep", "match"]


def shows_photo(color: Colour, strength: float, *, masked: bool = False) -> bool:
    """Whether `compose` takes more from the content image than its size and alpha."""
    return color != "style" or strength < 1 or masked


def compose(content: Picture, painted: Pixels, color: Colour, strength: float, mask: Pixels | None = None) -> Picture:
    """Lay the network's output over the content image, after resizing it; the result has the content's size and alpha.

    It is resized first, so that whatever `strength` and `color` take from the content stays sharp.

    Args:
        color: `style`: the network's colours; `keep`: those of the content, each in its place; `match`: the content's
            palette, wherever the network put its colours.
        strength: from 0, the content, to 1, the network's output.
        mask: (H, W) of the content's size, the share of `strength` that each pixel has, of 255.
    """
    if strength == 0:
        return content
    if color == "match":  # before it is enlarged, which is cheaper
        painted = match_colour(content.rgb, painted)
    pixels = at_size(painted, content.width, content.height)
    if color == "keep":
        pixels = keep_colour(content.rgb, pixels)
    # At 0 and 1, one of the two images is returned bit for bit, without a copy.
    if strength == 1 and mask is None:
        return Picture(pixels, content.alpha)
    return Picture(lay_over(content.rgb, pixels, strength, mask), content.alpha)


def lay_part(below: Pixels, above: Callable[[], Pixels], shares: Pixels) -> None:
    """Lay another picture over `below`, in place and in linear light.

    Args:
        below: (H, W, 3).
        above: gives (H, W, 3); not called if there is nothing of it to see.
        shares: (H, W), how much of each pixel is covered, of 255.
    """
    rows, columns = (np.flatnonzero(shares.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return
    pixels = above()
    for top in range(rows[0], rows[-1] + 1, PART_ROWS):
        part = slice(top, min(top + PART_ROWS, rows[-1] + 1)), slice(columns[0], columns[-1] + 1)
        below[part] = lay_over(below[part], pixels[part], 1.0, shares[part])


def recolouring(content: Pixels, painted: Pixels, color: Colour) -> Callable[[Pixels, Pixels], Pixels]:
    """What `compose` does to colours, for images that it is done to in parts.

    Args:
        content, painted: the whole images, at any two sizes.

    Returns:
        From a part of the content image and the same part of the network's output to the part in the wanted colours.
    """
    if color == "match":
        table = palette_table(content, painted)
        return lambda _content, part: mapped(part, table)
    if color == "keep":
        luma = matching_luma(content, painted)
        return lambda content, part: keep_colour(content, part, luma)
    return lambda _content, part: part
