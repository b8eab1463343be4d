"""List, read, cancel and delete the jobs of a principal. They are created in app.api.jobs.creation."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.http.auth import is_admin, principal_of
from app.api.http.openapi import problems
from app.api.jobs.schemas import EXAMPLE_ID, JobEntry, JobList, JobsQuery, entry
from app.api.service import service_of
from app.errors import Forbidden, InvalidOption, LedgerUnavailable, NotFound, StorageUnavailable
from app.jobs.job import Job, JobStatus

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[str, Path(description="Id of a job.", examples=[EXAMPLE_ID])]
NO_STORE = {"Cache-Control": "no-store"}


@router.get("", summary="Your jobs, newest first", responses=problems(Forbidden, InvalidOption, LedgerUnavailable))
async def list_jobs(request: Request, response: Response, query: Annotated[JobsQuery, Query()]) -> JobList:
    """The jobs of the request's API key; all jobs for the admin token.

    Without configured keys it is forbidden: jobs then belong to nobody, and whoever knows a job's id can read it.
    """
    service = service_of(request)
    everybody = is_admin(request)
    if not service.settings.api_keys and not everybody:
        raise Forbidden("Without API keys, jobs belong to nobody and are found by their ids only.")
    gateway = service.jobs
    page = await gateway.ask(
        gateway.ledger.listing,
        principal=None if everybody else principal_of(request),
        status=query.status,
        before=query.cursor,
        limit=query.limit + 1,  # one more tells whether there is a next page
    )
    shown = page[: query.limit]
    response.headers.update(NO_STORE)
    return JobList(
        jobs=[entry(request, job, place, whole=False) for job, place in shown],
        next=next_page(request, query, shown[-1][0].id) if len(page) > len(shown) else None,
    )


@router.get("/{job_id}", summary="One job", responses=problems(NotFound, LedgerUnavailable))
async def get_job(request: Request, response: Response, job_id: JobId) -> JobEntry:
    """Its status, progress, place in the queue, losses so far, and links."""
    found = await find(request, job_id)
    response.headers.update(NO_STORE)
    return await described(request, found)


@router.delete(
    "/{job_id}",
    summary="Cancel or delete a job",
    responses={
        200: {"description": "It was queued, and is cancelled.", "model": JobEntry},
        202: {"description": "It is running, and its worker will end it within a second or two.", "model": JobEntry},
        204: {"description": "It had ended, and is deleted with its images."},
        **problems(NotFound, LedgerUnavailable, StorageUnavailable),
    },
)
async def delete_job(request: Request, job_id: JobId) -> Response:
    """Cancels a job that is queued or running; deletes a job that has ended, with everything that belongs to it.

    A cancelled job can be read until it expires or is deleted by a second call; its images are deleted at once.
    """
    gateway = service_of(request).jobs
    found = await find(request, job_id)
    if found.ended:
        await gateway.delete(found)
        return Response(status_code=204)
    cancelled = await gateway.cancel(found)
    status = 202 if cancelled.status is JobStatus.RUNNING else 200
    return JSONResponse(entry(request, cancelled, None).model_dump(mode="json"), status, NO_STORE)


async def find(request: Request, job_id: str) -> Job:
    """The job, if the request's principal may see it. Raises NotFound."""
    return await service_of(request).jobs.find(job_id, principal_of(request))


async def described(request: Request, job: Job) -> JobEntry:
    """The job with its place in the queue, and a notice if no worker can run it."""
    return entry(request, job, (await positions(request, job)).get(job.id), notice=await notice_of(request, job))


async def notice_of(request: Request, job: Job) -> str | None:
    """What to say about a queued job that has no worker."""
    if job.status is not JobStatus.QUEUED:
        return None
    workers = await service_of(request).jobs.workers()
    if workers is None or workers.get(job.kind):
        return None
    return f"No worker for {job.kind} jobs is running: the job stays queued until one is started."


async def positions(request: Request, *shown: Job) -> dict[str, int]:
    gateway = service_of(request).jobs
    waiting = [job.id for job in shown if job.status is JobStatus.QUEUED]
    return await gateway.ask(gateway.ledger.queue_positions, waiting) if waiting else {}


def next_page(request: Request, query: JobsQuery, last: str) -> str:
    given = query.model_dump(mode="json", exclude_none=True) | {"cursor": last}
    return f"{request.scope.get('root_path', '')}{router.prefix}?{urlencode(given)}"
