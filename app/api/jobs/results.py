"""The files of a job: its result, its preview, and the plot of its losses."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.api.http.byte_range import content_range, wanted_range
from app.api.http.etag import strong_etag, unchanged
from app.api.http.openapi import problems
from app.api.jobs.routes import JobId, find
from app.api.service import service_of
from app.api.stylize.result_key import digest
from app.errors import (
    LedgerUnavailable,
    NoResult,
    NotFound,
    Overloaded,
    PictureDamaged,
    RangeNotSatisfiable,
    ResultExpired,
    StorageUnavailable,
)
from app.imaging.encode import FORMATS
from app.jobs.job import Job, JobStatus
from app.storage.blobs import BlobNotFound
from app.video.writing import FORMATS as VIDEO_FORMATS

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

RETRY_SECONDS = 1
# A result never changes, and belongs to its principal; the others change every second.
FINAL = "private, max-age=3600"
CHANGING = "private, no-cache"


def picture_response(description: str, *media_types: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "description": description,
            "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in media_types},
            "headers": {"ETag": {"description": "Of exactly these bytes.", "schema": {"type": "string"}}},
        },
        304: {"description": "The client has it already (`If-None-Match`)."},
    }


PROBLEMS = problems(NotFound, NoResult, ResultExpired, PictureDamaged, LedgerUnavailable, StorageUnavailable)


@router.get(
    "/{job_id}/result",
    summary="The stylized image or clip",
    response_class=Response,
    responses={
        **picture_response("The stylized image or clip.", *FORMATS.values(), *VIDEO_FORMATS.values()),
        206: {
            "description": "The part that `Range` asks for.",
            "headers": {"Content-Range": {"description": "Which part it is.", "schema": {"type": "string"}}},
        },
        **PROBLEMS,
        **problems(RangeNotSatisfiable),
    },
)
async def get_job_result(request: Request, job_id: JobId) -> Response:
    """The result of the job, once it is done: an image, or a clip. `Range` asks for a part of it."""
    job = await find(request, job_id)
    if job.status is not JobStatus.DONE or job.result_key is None:
        raise none_of(job, "result")
    data = await stored(request, job, job.result_key)
    etag = await etag_of(data)
    response = answer(request, data, job.media_type or "application/octet-stream", etag, FINAL)
    response.headers["Accept-Ranges"] = "bytes"
    if response.status_code == 200 and (part := wanted_range(request, len(data), etag)) is not None:
        headers = {name: response.headers[name] for name in ("ETag", "Cache-Control", "Content-Type", "Accept-Ranges")}
        headers["Content-Range"] = content_range(part, len(data))
        return Response(data[part.start : part.stop], 206, headers)
    return response


@router.get(
    "/{job_id}/preview",
    summary="The image as it is now",
    response_class=Response,
    responses={**picture_response("The newest preview.", "image/jpeg"), **PROBLEMS},
)
async def get_job_preview(request: Request, job_id: JobId) -> Response:
    """A small image of the state of the job; an event tells when there is a newer one."""
    job = await find(request, job_id)
    if job.preview_key is None:
        raise none_of(job, "preview")
    try:
        data = await stored(request, job, job.preview_key)
    except ResultExpired:
        newer = await find(request, job_id)  # a newer one may have come, and this one gone, since the job was read
        if newer.preview_key in (None, job.preview_key):
            raise
        data = await stored(request, newer, newer.preview_key or "")
    return answer(request, data, "image/jpeg", await etag_of(data), CHANGING)


@router.get(
    "/{job_id}/loss.png",
    summary="The loss curve as an image",
    response_class=Response,
    responses={
        **picture_response("The losses over the iterations.", "image/png"),
        **problems(NotFound, NoResult, LedgerUnavailable, StorageUnavailable, Overloaded),
    },
)
async def get_job_loss_plot(request: Request, job_id: JobId) -> Response:
    """A plot of the losses so far; the numbers are in the job itself."""
    job = await find(request, job_id)
    if not job.losses:
        raise none_of(job, "loss curve")
    etag = await etag_of(json.dumps(job.losses).encode())
    if unchanged(request, etag):
        return answer(request, b"", "image/png", etag, CHANGING)
    data = await service_of(request).jobs.plots.draw(f"{job.kind} {job.id}", etag, job.losses)
    return answer(request, data, "image/png", etag, CHANGING)


def none_of(job: Job, what: str) -> NoResult:
    """The problem to raise where a job lacks it, with what the client can do."""
    if not job.ended:
        return NoResult(
            f"The job is {job.status}; there is no {what} yet.",
            retry_after_seconds=RETRY_SECONDS,
            job_status=job.status,
        )
    return NoResult(f"The job is {job.status} and has no {what}.", job_status=job.status)


async def stored(request: Request, job: Job, key: str) -> bytes:
    """Raises ResultExpired when the image has been deleted."""
    gone = ResultExpired("The images of this job have been deleted, as they are some time after its end.")
    if job.blobs_deleted:
        raise gone
    try:
        return await service_of(request).jobs.blob(key)
    except BlobNotFound:
        raise gone from None


async def etag_of(data: bytes) -> str:
    return strong_etag(await digest(data))


def answer(request: Request, data: bytes, media_type: str, etag: str, cache: str) -> Response:
    headers = {"ETag": etag, "Cache-Control": cache}
    if unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)
