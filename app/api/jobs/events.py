"""Server-sent events of a job, as WHATWG HTML (section 9.2) has them: every change, in order, until its end."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.http.auth import principal_of
from app.api.http.openapi import problems
from app.api.jobs.event_hub import FollowedJob
from app.api.jobs.event_schemas import JobEvent
from app.api.jobs.gateway import JobGateway
from app.api.jobs.routes import JobId, find
from app.api.jobs.schemas import EXAMPLE_ID, EXAMPLE_POINT, job_path
from app.api.service import service_of
from app.errors import InvalidOption, LedgerUnavailable, NotFound, Overloaded, TooManyRequests
from app.jobs.events import status_data
from app.jobs.job import ENDED, Event, EventKind, Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MEDIA_TYPE = "text/event-stream"
# Proxies close what is silent for a minute or so.
KEEP_ALIVE_SECONDS = 15
# In milliseconds, how long clients wait before they come back.
RETRY = "retry: 2000\n\n"
SEQ = re.compile(r"\d{1,9}", re.ASCII)
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter for nginx


class EventStream(StreamingResponse):
    """Gives its place back when it ends, also where its client has gone before its first byte."""

    media_type = MEDIA_TYPE

    def __init__(self, stream: AsyncIterator[str], leave: Callable[[], None]) -> None:
        super().__init__(stream, headers=HEADERS)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


def text(event: Event, path: str) -> str:
    """One event. The last one has a name of its own, so that a client need not know which statuses are final."""
    name, data = str(event.kind), dict(event.data)
    if event.kind is EventKind.PREVIEW:
        data["preview"] = f"{path}/preview"
    elif event.kind is EventKind.STATUS and data["status"] in ENDED:
        name = "end"
        data["result"] = f"{path}/result" if data["status"] == "done" else None
    return f"id: {event.seq}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def example() -> str:
    """Some events of a job that comes to its end."""
    status = {"status": "queued", "attempt": 0, "cancel_requested": False}
    progress = {"progress": 0.5, "eta_seconds": 14.2, "attempt": 1, "losses": EXAMPLE_POINT}
    told = (
        (1, EventKind.STATUS, status),
        (3, EventKind.PROGRESS, progress),
        (4, EventKind.PREVIEW, progress),
        (9, EventKind.STATUS, status | {"status": "done", "attempt": 1}),
    )
    events = [Event(EXAMPLE_ID, number, kind, data, 0) for number, kind, data in told]
    return RETRY + "".join(text(event, f"/v1/jobs/{EXAMPLE_ID}") for event in events)


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {
            "description": "`status`, `progress` and `preview` events, and at last `end`; the schema has them as a "
            "list. Comments come in between, so that no proxy takes the connection for dead.",
            "model": list[JobEvent],
            "content": {MEDIA_TYPE: {"examples": {"a job": {"value": example()}}}},
        },
        204: {"description": "`Last-Event-ID` was the end: nothing follows, and an `EventSource` stops asking."},
        **problems(NotFound, InvalidOption, TooManyRequests, Overloaded, LedgerUnavailable),
    },
)
async def stream_job_events(
    request: Request,
    job_id: JobId,
    last_event_id: Annotated[
        str | None,
        Header(description="Number of the last event received: the events after it are sent.", examples=["3"]),
    ] = None,
) -> Response:
    """Everything that happened to the job since its beginning or since `Last-Event-ID`, and everything from now on.

    `curl -N /v1/jobs/{id}/events`, or an `EventSource`, which reconnects by itself and misses nothing.
    """
    gateway = service_of(request).jobs
    job = await find(request, job_id)
    after = number(last_event_id)
    if job.ended and after >= job.events:
        return Response(status_code=204, headers=HEADERS)
    leave = gateway.event_hub.room.enter(principal_of(request))
    if request.scope["state"].get("head"):
        leave()
        return Response(media_type=MEDIA_TYPE, headers=HEADERS)
    # A number beyond the newest event is not one of ours: begin at the newest.
    stream = follow(gateway, job, min(after, job.events), job_path(request, job.id))
    return EventStream(stream, leave)


def number(last_event_id: str | None) -> int:
    """Raises InvalidOption for what was never an id of an event."""
    if last_event_id is None:
        return 0
    if not SEQ.fullmatch(last_event_id):
        raise InvalidOption("`Last-Event-ID` must be the id of an event.")
    return int(last_event_id)


async def follow(gateway: JobGateway, job: Job, after: int, path: str) -> AsyncIterator[str]:
    """Every event after that number, as text; ends with the job, with the server, or when the ledger is unavailable."""
    yield RETRY
    if job.blobs_deleted:  # and its events with them
        yield text(Event(job.id, job.events, EventKind.STATUS, status_data(job), 0), path)
        return
    with gateway.event_hub.watch(job) as watch:
        while not gateway.event_hub.closed:
            known = watch.seq
            try:
                coming = await unsent(gateway, watch, job, after)
            except LedgerUnavailable:
                return  # the client comes back for the rest
            for event in coming:
                yield text(event, path)
                after = event.seq
            if watch.over and not coming:
                return
            # Nothing can change unseen between this comparison and the wait.
            if not coming and watch.seq == known and not await watch.change(KEEP_ALIVE_SECONDS):
                yield ": still here\n\n"


async def unsent(gateway: JobGateway, watch: FollowedJob, job: Job, after: int) -> list[Event]:
    recent = watch.after(after)
    return list(recent) if recent is not None else await gateway.ask(gateway.ledger.events, job.id, after)
