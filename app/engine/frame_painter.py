"""Frames of a clip, painted one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from app.engine.blend import between
from app.engine.render import Rendering
from app.engine.row import Row
from app.engine.stylizer import Blend
from app.imaging.picture import Picture


@dataclass(frozen=True)
class FramePainter:
    """
    Attributes:
        rendering: of single pictures, with the blend at the start.
        end: the blend at the end of the clip, which each frame has come nearer to; None: it does not change.
    """

    rendering: Rendering
    end: Blend | None = None

    def paint(self, picture: Picture, passed: float) -> Picture:
        """The painted frame. Raises PasticheError if it fails.

        Args:
            passed: how much of the clip has passed, 0..1.
        """
        if self.end is None:
            return self.rendering.of_picture(picture)
        start, end = (cast(Mapping[str | Row, float], blend) for blend in (self.rendering.blend, self.end))
        blend = between(start, end, passed)
        return replace(self.rendering, blend=blend).of_picture(picture)
