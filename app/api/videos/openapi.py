"""What the OpenAPI document says of `POST /v1/videos`."""

from __future__ import annotations

from app.api.http.openapi import STYLE_IMAGES, Document, option_schemas
from app.api.schemas import VideoFields
from app.api.stylize.upload import STYLE_FIELD

VIDEO_FIELD = "video"
CLIP: Document = {
    "type": "string",
    "format": "binary",
    "description": "MP4, MOV, WebM, Matroska, GIF or animated WebP.",
}
RAW = ("video/mp4", "video/quicktime", "video/webm", "image/gif", "image/webp", "application/octet-stream")


def video_body() -> Document:
    """The clip itself, or a form."""
    form = {
        "type": "object",
        "required": [VIDEO_FIELD],
        "properties": {
            VIDEO_FIELD: CLIP,
            STYLE_FIELD: STYLE_IMAGES,
            **option_schemas(VideoFields),
        },
        "additionalProperties": False,
    }
    example = {"value": {"styles": "starry_night", "styles_end": "great_wave", "size": 640}}
    return {
        "required": True,
        "description": "The clip itself with the options in the query, or a form with both. The format is recognised "
        "by its first bytes.",
        "content": {
            **{media_type: {"schema": CLIP} for media_type in RAW},
            "multipart/form-data": {"schema": form, "examples": {"a style that changes": example}},
        },
    }
