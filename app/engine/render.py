"""Stylize one image directly, without the queue, as the command line and the jobs do."""

from __future__ import annotations

from app.engine.recovery import paint_or_explain
from app.engine.stylizer import Blend, Stylizer
from app.errors import PasticheError
from app.imaging.compose import Colour, compose
from app.imaging.picture import Picture
from app.imaging.stroke import at_size, painted_size


def render(
    stylizer: Stylizer,
    content: Picture,
    blend: Blend,
    *,
    stroke: float = 1,
    color: Colour = "style",
    strength: float = 1,
) -> Picture:
    """The stylized image of `content`, of its size. Raises PasticheError if it fails."""
    seen = at_size(content.rgb, *painted_size(content.width, content.height, stroke))
    [painted] = paint_or_explain(stylizer, [seen], [blend])
    if isinstance(painted, PasticheError):
        raise painted
    return compose(content, painted, color, strength)
