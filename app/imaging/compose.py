"""The stylized image from the network's output and the photo: size, colours, strength."""

from __future__ import annotations

from typing import Literal

from app.imaging.colour import keep_colour, lay_over
from app.imaging.picture import Picture, Pixels
from app.imaging.stroke import at_size

Colour = Literal["style", "keep"]


def compose(content: Picture, painted: Pixels, color: Colour, strength: float) -> Picture:
    """The network's output laid over the content image, whose size and alpha it gets.

    The size comes first: what `strength` and `color` take from the content is then as sharp as the content.

    Args:
        color: `style`: the painted colours; `keep`: those of the content.
        strength: 0 the content to 1 the painted picture.
    """
    if strength == 0:
        return content
    pixels = at_size(painted, content.width, content.height)
    if color == "keep":
        pixels = keep_colour(content.rgb, pixels)
    # Both ends are one of the two pictures, bit for bit, without a copy.
    return Picture(pixels if strength == 1 else lay_over(content.rgb, pixels, strength), content.alpha)
