"""POST /v1/stylize: a photo in, a stylized image out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.http.auth import owner_of
from app.api.http.deadline import finished_by
from app.api.http.disconnect import while_connected
from app.api.http.etag import if_none_match, matches
from app.api.http.openapi import IMAGE_PROBLEMS, option_parameters, problems, stylize_body, stylized_image_response
from app.api.jobs.creation import MAKING, idempotency_key, prefers_later, stylize_later
from app.api.jobs.openapi import accepted_response, idempotency_parameter, prefer_parameter, webhook_parameter
from app.api.schemas import OptionFields
from app.api.service import Service, service_of
from app.api.stages import Stages
from app.api.stylize.options import Options
from app.api.stylize.pipeline import paint
from app.api.stylize.result_cache import Source, StylizedImage
from app.api.stylize.result_key import digest, digests, etag_of, result_key
from app.api.stylize.upload import Photo, receive_photo
from app.errors import (
    EngineFailed,
    ModelUnavailable,
    NoStyleEncoder,
    NotAcceptable,
    OutOfMemory,
    UnknownStyle,
    UnknownStyleImage,
)
from app.imaging.encode import FORMATS

router = APIRouter(prefix="/v1", tags=["stylize"])

# In the words of RFC 9211.
CACHE_STATUS: Mapping[Source, str] = {
    "hit": "pastiche; hit",
    "miss": "pastiche; fwd=miss",
    "shared": "pastiche; fwd=miss; collapsed",
}

PROBLEMS = (
    *IMAGE_PROBLEMS,
    NotAcceptable,
    UnknownStyle,
    UnknownStyleImage,
    NoStyleEncoder,
    EngineFailed,
    OutOfMemory,
    ModelUnavailable,
    *MAKING,
)


@router.post(
    "/stylize",
    summary="Stylize a photo",
    response_class=Response,
    responses={
        200: stylized_image_response(),
        304: {"description": "The client has it already (`If-None-Match`); nothing was computed."},
        202: accepted_response(Preference_Applied="`respond-async`."),
        **problems(*PROBLEMS),
    },
    openapi_extra={
        "parameters": [
            *option_parameters(OptionFields),
            prefer_parameter(),
            idempotency_parameter(),
            webhook_parameter(),
        ],
        "requestBody": stylize_body(),
    },
)
async def stylize(request: Request) -> Response:
    """Send the photo as the body with the options in the query, or a form with both.

    `curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' '/v1/stylize?styles=starry_night' -o stylized.jpg`

    Equal requests have equal results, which are cached for a while; `If-None-Match` with the `ETag` of one answers 304.

    With `Prefer: respond-async` it becomes a job: the response comes at once and says where to find it.
    """
    idempotency_key(request)  # an invalid key is reported, whatever becomes of the request
    if prefers_later(request):
        return await stylize_later(request)
    service = service_of(request)
    service.check_warm()
    stages = Stages()
    deadline = time.monotonic() + service.settings.deadline_seconds
    async with finished_by(deadline):
        with stages.measure("upload"):
            accept = ", ".join(request.headers.getlist("accept"))
            photo, options = await receive_photo(request, service, accept)
        try:
            masks = await digests(photo.masks)
            key = result_key(await digest(photo.data), options, service.settings.edges, masks)
            headers = headers_of(key, options)
            if known(request, f'"{key}"'):
                service.metrics.count_result("unchanged")
                return Response(status_code=304, headers=headers)
            begin = partial(begin_painting, service, photo, options, deadline, stages)
            getting = service.results.get((owner_of(request), key), begin)
            painting, source = await while_connected(request.receive, getting)
        finally:
            photo.drop()
    service.metrics.count_result(source)
    return answer(painting, options, headers | {"Cache-Status": CACHE_STATUS[source]}, stages)


def known(request: Request, etag: str) -> bool:
    """Whether the client has the result. `*` stands for any existing one, and there is none before it is computed."""
    given = if_none_match(request)
    return given.strip() != "*" and matches(given, etag)


def begin_painting(
    service: Service, photo: Photo, options: Options, deadline: float, stages: Stages
) -> asyncio.Task[StylizedImage]:
    """The computation as a task, which may outlive its request where others wait for it, and holds the photo."""
    mine = photo.handed_over()

    async def painted() -> StylizedImage:
        painting = await paint(service, mine, options, deadline, stages)
        service.metrics.count_painting(options.model, painting.megapixels, stages)
        return painting

    task = asyncio.create_task(painted())
    # Not in the task: if it is cancelled before its first step, it never gets there.
    task.add_done_callback(lambda _: mine.drop())
    return task


def headers_of(key: str, options: Options) -> dict[str, str]:
    """The headers that 200 and 304 have in common."""
    return {
        "Cache-Control": "private, no-cache",
        "ETag": etag_of(key, options),
        "Pastiche-Model": options.model,
        "Vary": "Accept",
    }


def answer(painting: StylizedImage, options: Options, headers: dict[str, str], stages: Stages) -> Response:
    headers = {**headers, "Server-Timing": stages.server_timing()}
    return Response(painting.data, media_type=FORMATS[options.format], headers=headers)
