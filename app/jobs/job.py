"""A job as the ledger knows it, with its events, progress and result."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# One point of a loss curve: `iteration` and the losses by name.
LossPoint = Mapping[str, float]

JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class EventKind(StrEnum):
    """`status` carries {status, attempt}, and the last one also ends the series; `progress` and `preview` see Job."""

    STATUS = "status"
    PROGRESS = "progress"
    PREVIEW = "preview"


@dataclass(frozen=True)
class NewJob:
    """What a job is made of.

    Attributes:
        id: from `new_job_id`, under which its inputs have been stored already.
        principal: whose it is; idempotency keys and quotas count within it.
        params: of the task, JSON.
        priority: higher ones are run first.
        body_hash: SHA-256 in hex of the request, to tell a repetition from another request.
        inputs: keys of the images by name.
        webhook_url: where its end is reported; None: nowhere.
        traceparent: of the request (W3C Trace Context); None: it has no trace.
    """

    id: str
    kind: str
    params: Mapping[str, Any]
    principal: str = ""
    priority: int = 0
    max_attempts: int = 3
    idempotency_key: str | None = None
    body_hash: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    webhook_url: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True)
class Job:
    """A row of the ledger. Times are milliseconds since 1970; see `app.sql.schema` for the rest."""

    id: str
    kind: str
    status: JobStatus
    principal: str
    params: dict[str, Any]
    priority: int
    attempt: int
    max_attempts: int
    cancel_requested: bool
    owner: str | None
    lease_until: int | None
    progress: float
    eta_seconds: float | None
    seconds_per_iteration: float | None
    losses: list[dict[str, float]]
    result_key: str | None
    media_type: str | None
    facts: dict[str, Any]
    preview_key: str | None
    checkpoint_key: str | None
    error_slug: str | None
    error_detail: str | None
    idempotency_key: str | None
    body_hash: str | None
    inputs: dict[str, str]
    fruitless: int
    events: int
    created_at: int
    queued_at: int
    available_at: int
    dispatched_at: int
    started_at: int | None
    finished_at: int | None
    expires_at: int | None
    blobs_deleted: bool
    traceparent: str | None

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def input_key(self, name: str) -> str:
        """Key of an image that was sent with it; jobs of earlier versions have no list of them."""
        return self.inputs.get(name) or input_key(self.id, name)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Job:
        return cls(**{**row, "status": JobStatus(row["status"])})


@dataclass(frozen=True)
class Event:
    """What happened to a job; `seq` counts from 1 without gaps, `at` is in milliseconds since 1970."""

    job: str
    seq: int
    kind: EventKind
    data: dict[str, Any]
    at: int


@dataclass(frozen=True)
class JobProgress:
    """What a heartbeat carries; `fraction` is 0..1 of the whole job, losses are all points so far.

    `facts` are the first ones about the result; `Result` has all of them.
    """

    fraction: float = 0.0
    eta_seconds: float | None = None
    seconds_per_iteration: float | None = None
    losses: Sequence[LossPoint] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    preview_key: str | None = None
    checkpoint_key: str | None = None


@dataclass(frozen=True)
class Result:
    """What a task returns: the file, and facts about it for clients (JSON)."""

    data: bytes
    media_type: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def new_job_id() -> str:
    """A UUID of version 7 (RFC 9562): sorts by the time it was made, so listings are newest first by it."""
    milliseconds = time.time_ns() // 1_000_000
    bits = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))


def job_prefix(job_id: str) -> str:
    """All blobs of a job are below it."""
    return f"jobs/{job_id}/"


def input_key(job_id: str, name: str) -> str:
    """Key of an image that was sent with the job."""
    return f"{job_prefix(job_id)}inputs/{name}"


def attempt_key(job: Job, name: str) -> str:
    """Key of a file of one attempt. With owner and attempt in it, a worker that lost its lease overwrites nothing."""
    return f"{job_prefix(job.id)}attempts/{job.attempt}-{job.owner}/{name}"
