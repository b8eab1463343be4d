"""POST /v1/stylize: a photo in, a painting out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.disconnect import while_connected
from app.api.openapi import painting_response, problems, stylize_body, stylize_parameters
from app.api.options import Options
from app.api.painting import Painting, paint
from app.api.service import service_of
from app.api.stages import Stages
from app.api.upload import receive_photo
from app.errors import (
    AnimatedPicture,
    BodyTooLarge,
    DeadlineExceeded,
    EmptyBody,
    EngineFailed,
    InvalidOption,
    MalformedBody,
    ModelUnavailable,
    NotAcceptable,
    OutOfMemory,
    Overloaded,
    PictureError,
    PictureTooLarge,
    UnknownStyle,
    UnsupportedPicture,
)
from app.imaging.encode import FORMATS

router = APIRouter(prefix="/v1", tags=["paintings"])

PROBLEMS = (
    EmptyBody,
    MalformedBody,
    NotAcceptable,
    BodyTooLarge,
    PictureTooLarge,
    UnsupportedPicture,
    AnimatedPicture,
    InvalidOption,
    UnknownStyle,
    PictureError,
    EngineFailed,
    Overloaded,
    OutOfMemory,
    ModelUnavailable,
    DeadlineExceeded,
)


@router.post(
    "/stylize",
    summary="Paint a photo",
    response_class=Response,
    responses={200: painting_response(), **problems(*PROBLEMS)},
    openapi_extra={"parameters": stylize_parameters(), "requestBody": stylize_body()},
)
async def stylize(request: Request) -> Response:
    """Send the picture as the body with the options in the query, or a form with both.

    `curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' '/v1/stylize?styles=starry_night' -o painting.jpg`
    """
    service = service_of(request)
    service.check_warm()
    stages = Stages()
    deadline = time.monotonic() + service.settings.deadline_seconds
    async with finished_by(deadline):
        with stages.measure("upload"):
            photo, options = await receive_photo(request, service)
        try:
            painting = await while_connected(request.receive, paint(service, photo, options, deadline, stages))
        finally:
            photo.drop()
    service.metrics.count_painting(options.model, painting.megapixels, stages)
    return answer(painting, options, stages)


@asynccontextmanager
async def finished_by(deadline: float) -> AsyncIterator[None]:
    """Cancel whatever step the body is at when the deadline comes, be it the client's own slow upload.

    Raises:
        DeadlineExceeded: it came.
    """
    try:
        async with asyncio.timeout(deadline - time.monotonic()) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise DeadlineExceeded("The time for this request was over before its painting was done.") from None
        raise


def answer(painting: Painting, options: Options, stages: Stages) -> Response:
    headers = {
        "ETag": f'"{painting.sha256[:32]}"',
        "Pastiche-Model": options.model,
        "Server-Timing": stages.server_timing(),
        "Vary": "Accept",
    }
    return Response(painting.data, media_type=FORMATS[options.format], headers=headers)
