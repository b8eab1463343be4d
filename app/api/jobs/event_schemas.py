"""The events of a job as the OpenAPI document shows them: what each `data` holds, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.jobs.schemas import EXAMPLE_ID, EXAMPLE_POINT
from app.jobs.job import JobStatus


class EventFailure(BaseModel):
    """Why the job failed: the slug of a problem, and its sentence."""

    model_config = ConfigDict(extra="forbid")

    slug: str = Field(examples=["worker-lost"])
    detail: str = Field(examples=["The job ended or hung its worker every time it was tried."])


class StatusData(BaseModel):
    """The status of the job has changed."""

    model_config = ConfigDict(extra="forbid")

    status: JobStatus
    attempt: int = Field(description="Number of the attempt.", examples=[1])
    cancel_requested: bool = Field(examples=[False])
    error: EventFailure | None = Field(default=None, description="Only in a job that failed.")


class EndData(StatusData):
    """The last status."""

    result: str | None = Field(description="Path of the result; null unless done.")


class ProgressData(BaseModel):
    """How far the job is."""

    model_config = ConfigDict(extra="forbid")

    progress: float = Field(description="0 to 1.", examples=[0.5])
    eta_seconds: float | None = Field(
        description="Seconds until it is done, once that can be predicted.", examples=[14.2]
    )
    attempt: int = Field(description="Number of the attempt.", examples=[1])
    losses: dict[str, float] | None = Field(description="The newest point of the loss curve.", examples=[EXAMPLE_POINT])
    frame: int | None = Field(default=None, description="Frames painted so far; only of clips.", examples=[24])
    frames: int | None = Field(default=None, description="Frames of the clip; only of clips.", examples=[96])


class PreviewData(ProgressData):
    """There is a newer preview."""

    preview: str = Field(description="Its path.", examples=[f"/v1/jobs/{EXAMPLE_ID}/preview"])


class StatusEvent(BaseModel):
    id: int = Field(description="For `Last-Event-ID`.", examples=[3])
    event: Literal["status"]
    data: StatusData


class ProgressEvent(BaseModel):
    id: int = Field(description="For `Last-Event-ID`.", examples=[3])
    event: Literal["progress"]
    data: ProgressData


class PreviewEvent(BaseModel):
    id: int = Field(description="For `Last-Event-ID`.", examples=[3])
    event: Literal["preview"]
    data: PreviewData


class EndEvent(BaseModel):
    id: int = Field(description="For `Last-Event-ID`.", examples=[3])
    event: Literal["end"]
    data: EndData


JobEvent = Annotated[StatusEvent | ProgressEvent | PreviewEvent | EndEvent, Field(discriminator="event")]
