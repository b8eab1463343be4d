"""POST /v1/stylize: a photo in, a painting out."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.deadline import finished_by
from app.api.disconnect import while_connected
from app.api.job_creation import MAKING, prefers_later, stylize_later
from app.api.job_openapi import accepted_response, idempotency_parameter, prefer_parameter
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
    *MAKING,
)


@router.post(
    "/stylize",
    summary="Paint a photo",
    response_class=Response,
    responses={
        200: painting_response(),
        202: accepted_response(Preference_Applied="`respond-async`."),
        **problems(*PROBLEMS),
    },
    openapi_extra={
        "parameters": [*stylize_parameters(), prefer_parameter(), idempotency_parameter()],
        "requestBody": stylize_body(),
    },
)
async def stylize(request: Request) -> Response:
    """Send the picture as the body with the options in the query, or a form with both.

    `curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' '/v1/stylize?styles=starry_night' -o painting.jpg`

    With `Prefer: respond-async` it becomes a job: the answer comes at once and says where to find it.
    """
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
            painting = await while_connected(request.receive, paint(service, photo, options, deadline, stages))
        finally:
            photo.drop()
    service.metrics.count_painting(options.model, painting.megapixels, stages)
    return answer(painting, options, stages)


def answer(painting: Painting, options: Options, stages: Stages) -> Response:
    headers = {
        "ETag": f'"{painting.sha256[:32]}"',
        "Pastiche-Model": options.model,
        "Server-Timing": stages.server_timing(),
        "Vary": "Accept",
    }
    return Response(painting.data, media_type=FORMATS[options.format], headers=headers)
