"""A clip as it was sent, with the options that came with it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from starlette.requests import Request

from app.api.http.body import Body
from app.api.http.multipart import is_form, parse_form
from app.api.schemas import VideoFields
from app.api.service import Service
from app.api.stylize.options import GivenRows, blend_weights, check_names, merge, read_fields, whole_blend
from app.api.stylize.upload import MAX_STYLES, STYLE_FIELD, rows_of_handles, rows_of_images
from app.api.videos.openapi import VIDEO_FIELD
from app.engine.blend import normalised
from app.errors import EmptyBody
from app.jobs.blend_params import packed
from app.jobs.video import VideoParams
from app.settings import Settings


@dataclass(frozen=True)
class Clip:
    """
    Attributes:
        data: the file, not looked at yet.
        params: of its job.
        asked_model: the option as it was sent.
    """

    data: bytes
    params: VideoParams
    asked_model: str | None


def body_of(request: Request, service: Service) -> Body:
    """May hold a clip of the largest size; a form, style images beside it."""
    settings = service.settings
    beside = settings.body_bytes if is_form(content_type_of(request)) else 0
    return Body(request, settings.video_bytes + beside, service.uploads)


def deadline_of_clip(settings: Settings) -> float:
    """A clip may take longer than another body, by as much as it may be larger."""
    return time.monotonic() + settings.deadline_seconds * max(1.0, settings.video_bytes / settings.body_bytes)


async def receive_clip(request: Request, service: Service, body: Body) -> Clip:
    """Read and check everything that the client sent, but for the clip itself.

    Raises:
        RequestError: and below it.
        Overloaded: too many uploads at once.
        ClientGone.
    """
    query = request.query_params.multi_items()
    content_type = content_type_of(request)
    edges = service.settings.edges
    if is_form(content_type):
        check_names(VideoFields, query)
        files, form = await parse_form(content_type, body.chunks(), {VIDEO_FIELD: 1}, {STYLE_FIELD: MAX_STYLES})
        [data], images = files[VIDEO_FIELD], files[STYLE_FIELD]
        fields = read_fields(VideoFields, merge(VideoFields, query, form), *edges, len(images))
    else:
        # A wrong option is told before the clip is sent in vain.
        fields, images = read_fields(VideoFields, query, *edges), []
        data = await body.read()
    if not data:
        raise EmptyBody("The body is empty: send a clip.")
    return Clip(data, await params_of(request, service, fields, images), fields.model)


async def params_of(request: Request, service: Service, fields: VideoFields, images: list[bytes]) -> VideoParams:
    """With the rows of the style images that the options name, or that came with the clip."""
    catalogue = service.catalogue
    named = ",".join(filter(None, (fields.styles, fields.styles_end)))
    kept = await rows_of_handles(request, service, named, catalogue, fields.model)
    sent = await rows_of_images(request, service, images, catalogue, fields.model)
    manifest = catalogue.model(fields.model)
    start = packed(whole_blend(fields, manifest, GivenRows(kept, sent)))
    end = packed(normalised(blend_weights(fields.styles_end, manifest, kept))) if fields.styles_end is not None else {}
    return VideoParams(
        model=manifest.label,
        blend=start["blend"],
        rows=start["rows"],
        blend_end=end.get("blend"),
        rows_end=end.get("rows", {}),
        strength=fields.strength,
        boldness=fields.boldness,
        color=fields.color,
        stroke=fields.stroke,
        size=fields.size,
        steady=fields.steady,
        format=fields.format,
        quality=fields.quality,
    )


def content_type_of(request: Request) -> str:
    return request.headers.get("content-type", "")
