"""Jobs as responses and the OpenAPI document show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request

from app.jobs.job import ENDED, JOB_ID, Job, JobStatus

EXAMPLE_ID = "019a7c3e-8f10-7b2a-9c44-5d1f0e6a7b88"
EXAMPLE_POINT = {"iteration": 90.0, "total": 0.61, "style": 0.43, "content": 0.18}


class JobLinks(BaseModel):
    """Paths; null where there is nothing to get."""

    self: str = Field(examples=[f"/v1/jobs/{EXAMPLE_ID}"])
    events: str = Field(examples=[f"/v1/jobs/{EXAMPLE_ID}/events"])
    preview: str | None = Field(examples=[f"/v1/jobs/{EXAMPLE_ID}/preview"])
    result: str | None = Field(examples=[None])
    loss: str | None = Field(examples=[f"/v1/jobs/{EXAMPLE_ID}/loss.png"])


class JobFailure(BaseModel):
    """Why the job failed, as a problem."""

    type: str = Field(examples=["/problems/worker-lost"])
    detail: str = Field(examples=["The job ended or hung its worker every time it was tried."])


class JobEntry(BaseModel):
    """A job at this moment."""

    id: str = Field(examples=[EXAMPLE_ID])
    kind: str = Field(description="`gatys`, `stylize`, `video`, `refinement` or `training`.", examples=["gatys"])
    status: JobStatus = Field(description="`done`, `failed` and `cancelled` are final.", examples=["running"])
    progress: float = Field(description="0 to 1.", examples=[0.5])
    eta_seconds: float | None = Field(
        description="Seconds until it is done, once that can be predicted.", examples=[14.2]
    )
    queue_position: int | None = Field(description="1 is next; null when it is not queued.", examples=[None])
    notice: str | None = Field(
        description="Why it stays queued although its turn may have come: no worker is running.", examples=[None]
    )
    priority: int = Field(examples=[0])
    attempt: int = Field(description="Number of the attempt.", examples=[1])
    max_attempts: int = Field(examples=[3])
    cancel_requested: bool = Field(examples=[False])
    losses: list[dict[str, float]] = Field(
        description="The loss curve so far, newest point last; in a list of jobs, the newest point only.",
        examples=[[EXAMPLE_POINT]],
    )
    facts: dict[str, Any] = Field(
        description="Facts about the result; of a clip that is painted, `frame` tells how many of its `frames` are.",
        examples=[{}],
    )
    error: JobFailure | None = Field(examples=[None])
    created_at: datetime = Field(examples=["2026-01-05T10:00:00Z"])
    started_at: datetime | None = Field(examples=["2026-01-05T10:00:01Z"])
    finished_at: datetime | None = Field(examples=[None])
    expires_at: datetime | None = Field(description="When its images are deleted.", examples=[None])
    links: JobLinks


class JobList(BaseModel):
    jobs: list[JobEntry]
    next: str | None = Field(
        description="Path of the next page, null on the last.", examples=[f"/v1/jobs?limit=20&cursor={EXAMPLE_ID}"]
    )


class JobsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Annotated[JobStatus | None, Field(description="Only jobs with this status.", examples=["running"])] = None
    limit: Annotated[int, Field(ge=1, le=100, description="Jobs on a page.", examples=[20])] = 20
    cursor: Annotated[
        Annotated[str, StringConstraints(pattern=f"^{JOB_ID.pattern}$")] | None,
        Field(description="Where the previous page ended; taken from `next`.", examples=[EXAMPLE_ID]),
    ] = None


def job_path(request: Request, job_id: str) -> str:
    """As the client sees it, also behind a proxy with a path prefix."""
    return f"{request.scope.get('root_path', '')}/v1/jobs/{job_id}"


def links(request: Request, job: Job) -> JobLinks:
    path = job_path(request, job.id)
    there = not job.blobs_deleted and job.status is not JobStatus.CANCELLED
    return JobLinks(
        self=path,
        events=f"{path}/events",
        preview=f"{path}/preview" if there and job.preview_key else None,
        result=f"{path}/result" if there and job.status is JobStatus.DONE else None,
        loss=f"{path}/loss.png" if job.losses else None,
    )


def entry(
    request: Request, job: Job, position: int | None, *, whole: bool = True, notice: str | None = None
) -> JobEntry:
    """The public view of a job.

    Args:
        position: in the queue.
        whole: with all points of the loss curve.
    """
    failure = None
    if job.error_slug is not None:
        failure = JobFailure(
            type=f"{request.scope.get('root_path', '')}/problems/{job.error_slug}", detail=job.error_detail or ""
        )
    return JobEntry(
        id=job.id,
        kind=job.kind,
        status=job.status,
        progress=job.progress,
        eta_seconds=None if job.status in ENDED else job.eta_seconds,
        queue_position=position,
        notice=notice,
        priority=job.priority,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        cancel_requested=job.cancel_requested,
        losses=job.losses if whole else job.losses[-1:],
        facts=job.facts,
        error=failure,
        created_at=moment(job.created_at),
        started_at=moment(job.started_at),
        finished_at=moment(job.finished_at),
        expires_at=moment(job.expires_at),
        links=links(request, job),
    )


def moment(milliseconds: int | None) -> Any:
    """Of the ledger's clock, milliseconds since 1970."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
