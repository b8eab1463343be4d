"""Settings of clips: jobs of the route `POST /v1/videos`."""

from __future__ import annotations

from pydantic import BaseModel, Field


class VideoSettings(BaseModel):
    """Clips. Their bounds are checked before a clip is accepted, and again while it is read."""

    video_megabytes: float = Field(64, gt=0, le=1024, description="Largest clip; beyond it, 413.")
    video_seconds: float = Field(120, gt=0, le=86_400, description="Longest clip; beyond it, 413.")
    video_frames: int = Field(3600, ge=1, le=1_000_000, description="Most frames of a clip; beyond it, 413.")
    video_frame_megapixels: float = Field(
        9, gt=0, le=64, description="Most pixels of a frame, as it was sent; beyond it, 413."
    )
    video_megapixels: float = Field(
        8000,
        gt=0,
        le=1_000_000,
        description="Most pixels of all frames together, as they were sent (413), as they are painted and as they are "
        "in the result (422).",
    )
    video_animation_megapixels: float = Field(
        64,
        gt=0,
        le=4000,
        description="Most pixels of all frames of a GIF or an animated WebP that is a result (422). They are held in "
        "memory, at two to three bytes a pixel.",
    )
    video_memory_megabytes: float = Field(
        1024,
        gt=0,
        le=100_000,
        description="Most memory of the process that reads a clip; one that needs more is refused (413).",
    )

    @property
    def video_bytes(self) -> int:
        return int(self.video_megabytes * 1_000_000)

    @property
    def video_memory_bytes(self) -> int:
        return int(self.video_memory_megabytes * 1_000_000)
