"""Settings of style images of clients' own."""

from __future__ import annotations

from pydantic import BaseModel, Field


class StyleImageSettings(BaseModel):
    """Style images that clients send to `POST /v1/styles`. Each takes about 150 kB of the database."""

    style_image_expiry_hours: float = Field(
        168, gt=0, le=8760, description="When a style image is deleted, counted from when it was last sent."
    )
    style_images: int = Field(5000, ge=1, le=1_000_000, description="Most style images in all.")
    style_images_each: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="Most style images of one principal: of an API key, or of an address where there are no keys.",
    )
    style_images_per_minute: int = Field(
        60,
        ge=1,
        le=1_000_000,
        description="Most style images that one principal may send within any minute; over all processes with "
        "`PASTICHE_REDIS_URL`.",
    )
