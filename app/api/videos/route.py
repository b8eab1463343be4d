"""POST /v1/videos: a clip in, and a job that paints it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.http.deadline import finished_by
from app.api.http.openapi import IMAGE_PROBLEMS, option_parameters, problems
from app.api.jobs.creation import MAKING, accepted, admit, make_job
from app.api.jobs.openapi import accepted_response, idempotency_parameter, webhook_parameter
from app.api.schemas import VideoFields
from app.api.service import Service, service_of
from app.api.videos.openapi import video_body
from app.api.videos.upload import Clip, body_of, deadline_of_clip, receive_clip
from app.errors import (
    NoStyleEncoder,
    UnknownStyle,
    UnknownStyleImage,
    UnsupportedVideo,
    VideoError,
    VideoTooLarge,
)
from app.jobs.video import CLIP, KIND, VideoParams
from app.jobs.video_bounds import check_cost, cost_of_frame

router = APIRouter(prefix="/v1/videos", tags=["jobs"])

PROBLEMS = (
    *IMAGE_PROBLEMS,
    VideoError,
    UnsupportedVideo,
    VideoTooLarge,
    UnknownStyle,
    UnknownStyleImage,
    NoStyleEncoder,
    *MAKING,
)


@router.post(
    "",
    summary="Stylize a clip",
    status_code=202,
    response_class=JSONResponse,
    responses={202: accepted_response(), **problems(*PROBLEMS)},
    openapi_extra={
        "parameters": [*option_parameters(VideoFields), idempotency_parameter(), webhook_parameter()],
        "requestBody": video_body(),
    },
)
async def create_video(request: Request) -> Response:
    """Send the clip as the body with the options in the query, or a form with both; a job paints it.

    `curl --data-binary @clip.mp4 -H 'Content-Type: video/mp4' '/v1/videos?styles=starry_night'`

    The result is a clip with the same size, the same times of its frames, upright, and with the same sound. The header
    is read, and the frames are counted, before the job is accepted. `Idempotency-Key` works as with `POST /v1/jobs`.
    """
    service = service_of(request)
    await admit(request)
    body = body_of(request, service)
    try:
        async with finished_by(deadline_of_clip(service.settings)):
            clip = await receive_clip(request, service, body)
            await check(service, clip)
        made = await make_job(
            request, KIND, clip.params.model_dump(mode="json"), {CLIP: clip.data}, 0, asked=asked_for(clip)
        )
        return accepted(*made)
    finally:
        body.drop()


async def check(service: Service, clip: Clip) -> None:
    """Raises VideoError, InvalidOption: too much to paint; Overloaded."""
    look = await service.jobs.look(clip.data)
    params = clip.params
    cost = cost_of_frame(
        look.width,
        look.height,
        size=params.size,
        stroke=params.stroke,
        boldness=params.boldness,
        settings=service.settings,
    )
    check_cost(cost, look.frames, params.format, service.settings)


def asked_for(clip: Clip) -> dict[str, object]:
    """Without what may differ when the same request comes again: the rows of handles, and the model's version."""
    chosen = VideoParams.model_fields.keys() - {"rows", "rows_end"}
    return clip.params.model_dump(mode="json", include=set(chosen)) | {"model": clip.asked_model}
