"""What a clip and the painting of it may cost, known before any frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import InvalidOption
from app.imaging.content import working_size
from app.imaging.stroke import Stroke, largest_edge, painted_size
from app.settings import Settings
from app.video.bounds import Bounds
from app.video.writing import ANIMATIONS


def bounds_of_clips(settings: Settings) -> Bounds:
    return Bounds(
        bytes=settings.video_bytes,
        seconds=settings.video_seconds,
        frames=settings.video_frames,
        frame_megapixels=settings.video_frame_megapixels,
        megapixels=settings.video_megapixels,
    )


@dataclass(frozen=True)
class FrameCost:
    """Megapixels of one frame: that the network paints, and of the result."""

    painted: float
    result: float


def cost_of_frame(
    width: int, height: int, *, size: int | None, stroke: Stroke, boldness: float, settings: Settings
) -> FrameCost:
    """The options are those of `Rendering`, which never enlarges a clip's frames by painting them twice."""
    whole = working_size(width, height, size, largest_edge(stroke, *settings.edges))
    seen = painted_size(*whole, stroke, settings.network_edge_pixels)
    return FrameCost((1 + (boldness > 0)) * seen[0] * seen[1] / 1e6, whole[0] * whole[1] / 1e6)


def check_cost(cost: FrameCost, frames: int, format: str, settings: Settings) -> None:
    """Raises InvalidOption, saying what would be too much and what to change."""
    if format in ANIMATIONS and cost.result * frames > settings.video_animation_megapixels:
        raise InvalidOption(
            f"The frames of the result have {cost.result * frames:,.0f} megapixels together; a {format.upper()} has at "
            f"most {settings.video_animation_megapixels:,.0f}: ask for `format=mp4` or a smaller `size`, or send a "
            "shorter clip."
        )
    for what, megapixels, change in (
        ("result", cost.result, "a smaller `size`"),
        ("painting", cost.painted, "a smaller `size`, a larger `stroke` or no `boldness`"),
    ):
        if megapixels * frames > settings.video_megapixels:
            raise InvalidOption(
                f"The frames of the {what} have {megapixels * frames:,.0f} megapixels together; at most "
                f"{settings.video_megapixels:,.0f} are allowed: ask for {change}, or send a shorter clip."
            )
