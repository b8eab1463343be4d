"""Settings of live painting: sessions of the WebSocket `/v1/live`."""

from __future__ import annotations

from pydantic import BaseModel, Field


class LiveSettings(BaseModel):
    """Live painting, the WebSocket `/v1/live`."""

    live_sessions: int = Field(
        8, ge=0, le=1000, description="Most live sessions in a process; 0 turns live painting off."
    )
    live_sessions_each: int = Field(
        2,
        ge=1,
        le=1000,
        description="Most live sessions of one principal in a process: of an API key, or of an address where there are "
        "no keys.",
    )
    live_share: float = Field(
        0.5,
        ge=0,
        le=0.9,
        description="Share of the engine that all live sessions have together while single pictures wait. While none "
        "does, they may have all of it.",
    )
    live_edge_pixels: int = Field(1024, ge=16, le=4096, description="Longest edge of a live picture.")
    live_frame_megabytes: float = Field(1, gt=0, le=64, description="Largest frame of a live session.")
    live_idle_seconds: float = Field(
        30, gt=0, le=3600, description="Time without a frame after which a live session is closed."
    )

    @property
    def live_frame_bytes(self) -> int:
        return int(self.live_frame_megabytes * 1_000_000)
