"""A frame, and a source of frames: what readers give and writers take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from app.imaging.picture import Picture


@dataclass(frozen=True)
class Frame:
    """
    Attributes:
        picture: upright, sRGB.
        seconds: when it is shown; rises from frame to frame, at intervals that may vary.
        duration: how long it is shown in seconds, above 0.
    """

    picture: Picture
    seconds: Fraction
    duration: Fraction


class Source(Protocol):
    """A clip while it is read."""

    @property
    def width(self) -> int:
        """Of the upright frames, in pixels."""

    @property
    def height(self) -> int:
        """Of the upright frames, in pixels."""

    @property
    def expected_frames(self) -> int | None:
        """As the file promises, None where it does not say."""

    @property
    def plays(self) -> int:
        """How often it is to be shown, 0 for ever; of an animation."""

    def frames(self) -> Iterator[Frame]:
        """All frames, one decoded at a time; may be asked for once. Raises VideoError, VideoTooLarge, OutOfMemory."""
