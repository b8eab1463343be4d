"""What the operator's routes say, as the OpenAPI document shows it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field
from starlette.requests import Request

from app.releases.style_pictures import StylePicture

EXAMPLE_STYLE = "the_great_wave"


class StylePictureLinks(BaseModel):
    self: str = Field(examples=[f"/v1/admin/styles/{EXAMPLE_STYLE}"])
    picture: str = Field(examples=[f"/v1/admin/styles/{EXAMPLE_STYLE}/picture"])


class StylePictureEntry(BaseModel):
    """A painting that styles can be trained from."""

    id: str = Field(examples=[EXAMPLE_STYLE])
    title: str = Field(examples=["The Great Wave"])
    artist: str | None = Field(examples=["Hokusai"])
    year: int | None = Field(examples=[1831])
    licence: str | None = Field(examples=["Public domain"])
    width: int = Field(description="Pixels of the painting as it is kept.", examples=[1024])
    height: int = Field(examples=[704])
    sha256: str = Field(description="Of the picture as it is kept.", examples=["9f86d081884c7d65" * 4])
    created_at: datetime = Field(examples=["2026-01-05T10:00:00Z"])
    created_by: str = Field(description="Fingerprint of the token that brought it.", examples=["5f0c1d6d0a3c"])
    used_by: list[str] = Field(
        description="Model versions that were made from it, and jobs that are being; it cannot be deleted then.",
        examples=[["compact@2"]],
    )
    links: StylePictureLinks


class StylePictureList(BaseModel):
    styles: list[StylePictureEntry]


def style_picture_entry(request: Request, picture: StylePicture, used_by: list[str]) -> StylePictureEntry:
    path = f"{request.scope.get('root_path', '')}/v1/admin/styles/{picture.id}"
    return StylePictureEntry(
        id=picture.id,
        title=picture.title,
        artist=picture.artist,
        year=picture.year,
        licence=picture.licence,
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
        created_at=picture.created_at,
        created_by=picture.created_by,
        used_by=used_by,
        links=StylePictureLinks(self=path, picture=f"{path}/picture"),
    )
