"""Creating jobs: `POST /v1/jobs`, and `POST /v1/stylize` for clients that do not want to wait."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app import tracing
from app.api.http.auth import is_admin, principal_of
from app.api.http.body import Body
from app.api.http.deadline import finished_by
from app.api.http.multipart import FORM, is_form, parse_form
from app.api.http.openapi import IMAGE_PROBLEMS, problems
from app.api.http.rate_limit_fields import note
from app.api.jobs.bounds import check_bounds, check_priority, own_size
from app.api.jobs.form import CONTENT_FIELD, read_job_form
from app.api.jobs.openapi import accepted_response, creation_body, idempotency_parameter, webhook_parameter
from app.api.jobs.routes import described
from app.api.jobs.schemas import JobEntry
from app.api.service import Service, service_of
from app.api.stages import Stages
from app.api.stylize.options import Options
from app.api.stylize.upload import MAX_STYLES, STYLE_FIELD, deadline_of, naming, receive_photo, rows_of_handles
from app.engine.render import result_size
from app.errors import (
    DescriptorUnavailable,
    IdempotencyConflict,
    InvalidOption,
    LedgerUnavailable,
    MalformedBody,
    StorageUnavailable,
    TooManyJobs,
    TooManyRequests,
    UnknownStyle,
)
from app.imaging.content import reading_edge, working_size
from app.imaging.decode import Header, decode
from app.imaging.encode import check_size
from app.imaging.mask import check_shape
from app.imaging.stroke import largest_edge
from app.jobs.blend_params import packed
from app.jobs.gatys import CONTENT, STYLE, check_descriptor
from app.jobs.job import NewJob, new_job_id
from app.jobs.stylize import MASK, PHOTO, RegionParams, StylizeParams
from app.jobs.webhook_url import is_allowed
from app.serving.catalogue import quoted
from app.settings import Settings

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

IDEMPOTENCY_KEY = "Idempotency-Key"
KEY_CHARACTERS = 255
WEBHOOK_URL = "Pastiche-Webhook-Url"
# Problems of every way to create a job.
MAKING = (IdempotencyConflict, TooManyRequests, TooManyJobs, LedgerUnavailable, StorageUnavailable)
PROBLEMS = (*IMAGE_PROBLEMS, UnknownStyle, DescriptorUnavailable, *MAKING)


@router.post(
    "",
    summary="Create a job",
    status_code=202,
    response_class=JSONResponse,
    responses={202: accepted_response(), **problems(*PROBLEMS)},
    openapi_extra={"parameters": [idempotency_parameter(), webhook_parameter()], "requestBody": creation_body()},
)
async def create_job(request: Request) -> Response:
    """Send a photo and any style image; a job optimises the photo until it has the image's style.

    `curl -F content=@photo.jpg -F style=@style.jpg -F size=384 /v1/jobs`

    The images are checked before the job is accepted. A request that is repeated with the same `Idempotency-Key` and
    the same contents gets the same job and the same 202, so a client that got no response can simply send it again;
    `Idempotent-Replayed: true` marks the repetition.
    """
    service = service_of(request)
    await asyncio.to_thread(check_descriptor, service.settings)
    await admit(request)
    body = Body(request, service.settings.body_bytes, service.uploads)
    deadline = deadline_of(service)
    try:
        async with finished_by(deadline):
            pictures, fields = await receive_form(request, body)
            styles = pictures[STYLE_FIELD]
            catalogue, given = service.catalogue, dict(fields)
            kept = await rows_of_handles(request, service, given.get("styles", ""), catalogue, given.get("model"))
            params, priority = read_job_form(fields, len(styles), catalogue, service.settings.edge_pixels, kept)
            operator = is_admin(request)
            check_priority(priority, service.settings, operator=operator)
            named = {CONTENT: pictures[CONTENT_FIELD][0]}
            named |= {STYLE.format(index): data for index, data in enumerate(styles)}
            headers = await read_headers(service, named, deadline)
            if "size" not in dict(fields):
                photo_edge = max(headers[CONTENT].width, headers[CONTENT].height)
                size = own_size(params.options, photo_edge, len(styles), service.settings, operator=operator)
                params = params.model_copy(update={"options": params.options.model_copy(update={"size": size})})
            check_bounds(params.options, len(styles), service.settings, operator=operator)
            size, seen = params.options.size, round(params.options.size * params.options.stroke)
            edges = {name: size if name == CONTENT else seen for name in named}
            await check_pictures(service, named, headers, edges, deadline)
        made_of = params.model_dump(mode="json")
        start = made_of["start"] and without_rows(made_of["start"]) | {"model": given.get("model")}
        asked = made_of | {"start": start}
        return accepted(*await make_job(request, "gatys", made_of, named, priority, asked=asked))
    finally:
        body.drop()


async def stylize_later(request: Request) -> Response:
    """`POST /v1/stylize` as a job. `Accept` may name the job's JSON, and does not choose the picture's format then."""
    service = service_of(request)
    await admit(request)
    accept_header = ", ".join(request.headers.getlist("accept"))
    deadline = deadline_of(service)
    async with finished_by(deadline):
        accept = "" if "json" in accept_header else accept_header
        photo, options = await receive_photo(request, service, accept, later=True)
    try:
        async with finished_by(deadline):
            named = {PHOTO: photo.data, **photo.masks}
            headers = await read_headers(service, named, deadline)
            size, edge = size_of_result(headers[PHOTO], options, service.settings)
            for name in photo.masks:
                check_shape(headers[name], *size, name)
            await check_pictures(service, named, headers, dict.fromkeys(named, edge), deadline)
        params = StylizeParams(
            model=options.model,
            **packed(options.blend),
            strength=options.strength,
            boldness=options.boldness,
            color=options.color,
            stroke=options.stroke,
            size=options.size,
            format=options.format,
            quality=options.quality,
            masked=MASK in photo.masks,
            regions=tuple(map(RegionParams.of, options.regions)),
        )
        given = params.model_dump(mode="json")
        asked = without_rows(given) | {"model": options.asked_model}
        response = accepted(*await make_job(request, "stylize", given, named, 0, asked=asked))
    finally:
        photo.drop()
    response.headers["Preference-Applied"] = "respond-async"
    return response


def size_of_result(header: Header, options: Options, settings: Settings) -> tuple[tuple[int, int], int]:
    """Width and height of the result, and the longer edge at which the worker decodes the photo for it.

    Raises InvalidOption for a result beyond the limits.
    """
    if size := result_size(header, options.size, options.stroke, settings):
        check_size(*size, options.format)
        return size, reading_edge(header, max(size), settings.decode_bytes)
    largest = largest_edge(options.stroke, *settings.edges)
    return working_size(header.width, header.height, options.size, largest), options.size or largest


def without_rows(params: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for: a handle's row may be a better one when the same request comes again."""
    asked = {name: value for name, value in params.items() if name != "rows"}
    return asked | {"regions": [without_rows(region) for region in asked["regions"]]} if "regions" in asked else asked


def prefers_later(request: Request) -> bool:
    """Whether `Prefer` (RFC 7240) has `respond-async`."""
    members = ", ".join(request.headers.getlist("prefer")).lower().split(",")
    return any(member.partition(";")[0].strip() == "respond-async" for member in members)


async def admit(request: Request) -> None:
    """Before an upload is read. Raises InvalidOption, TooManyRequests, TooManyJobs, LedgerUnavailable."""
    key = idempotency_key(request)
    webhook_url(request)  # an invalid one is reported before the upload is read
    jobs, principal = service_of(request).jobs, principal_of(request)
    note(request, await jobs.count(principal))
    if key is None:  # else its job may be there already, which the creation alone can tell
        await jobs.check_quota(principal)


async def receive_form(request: Request, body: Body) -> tuple[dict[str, list[bytes]], list[tuple[str, str]]]:
    """Pictures by the name of their field, and the other fields."""
    if request.query_params:
        raise InvalidOption("Send the options of a job as fields of its form, not in the query.")
    content_type = request.headers.get("content-type", "")
    if not is_form(content_type):
        came = f"{quoted(content_type)} came" if content_type else "no Content-Type came"
        raise MalformedBody(f"Send a form: {FORM} with `{CONTENT_FIELD}` and `{STYLE_FIELD}`; {came}.")
    return await parse_form(content_type, body.chunks(), {CONTENT_FIELD: 1, STYLE_FIELD: MAX_STYLES})


async def read_headers(service: Service, pictures: Mapping[str, bytes], deadline: float) -> dict[str, Header]:
    """Of each picture by its name. Raises PictureError with the name of the one that cannot be read, Overloaded."""
    headers = {}
    for name, data in pictures.items():
        with naming(name):
            headers[name] = await service.codecs.probe(data, service.settings.picture_megapixels, deadline, Stages())
    return headers


async def check_pictures(
    service: Service,
    pictures: Mapping[str, bytes],
    headers: Mapping[str, Header],
    edges: Mapping[str, int],
    deadline: float,
) -> None:
    """Decode each image as the worker will, at its longer edge in `edges`. Raises as `read_headers`."""
    most, most_bytes = service.settings.picture_megapixels, service.settings.decode_bytes
    costs = {name: headers[name].cost(edges[name]) for name in pictures}
    for name, cost in costs.items():
        with naming(name):
            cost.check(most_bytes)
    stages = Stages()

    def check(data: bytes, edge: int) -> None:
        with stages.measure("decode"):
            decode(data, most, edge, max_bytes=most_bytes)

    with service.codecs.admit(list(costs.values()), deadline) as work:
        for name, data in pictures.items():
            with naming(name):
                await work.run(stages, check, data, edges[name])


async def make_job(
    request: Request, kind: str, params: dict[str, Any], pictures: Mapping[str, bytes], priority: int, *, asked: Any
) -> tuple[JobEntry, bool]:
    """Create the job, unless the idempotency key has one already. Returns the job, and whether it is new.

    Args:
        asked: `params` without what this service has chosen, such as the version of a model, which may be another one
            when the same request comes again.
    """
    service = service_of(request)
    url = webhook_url(request)
    new = NewJob(
        id=new_job_id(),
        kind=kind,
        params=params,
        principal=principal_of(request),
        priority=priority,
        max_attempts=service.settings.job_attempts,
        idempotency_key=idempotency_key(request),
        body_hash=await asyncio.to_thread(hash_of, kind, [asked, url] if url else asked, pictures, priority),
        webhook_url=url,
        traceparent=tracing.traceparent(),
    )
    job, made = await service.jobs.create(new, pictures)
    return await described(request, job), made


def accepted(job: JobEntry, made: bool) -> Response:
    """The answer that tells of a job, made now or by an earlier request of the same idempotency key."""
    headers = {"Location": job.links.self, "Cache-Control": "no-store"}
    if not made:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(job.model_dump(mode="json"), 202, headers)


def hash_of(kind: str, asked: Any, pictures: Mapping[str, bytes], priority: int) -> str:
    """SHA-256 in hex of what was asked for. Not of the body as sent: every form has a boundary of its own."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in pictures.items()}
    return hashlib.sha256(json.dumps([kind, asked, hashes, priority], sort_keys=True).encode()).hexdigest()


def idempotency_key(request: Request) -> str | None:
    """Raises InvalidOption unless the key is short printable text."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not (0 < len(key) <= KEY_CHARACTERS and key.isascii() and key.isprintable()):
        raise InvalidOption(f"`{IDEMPOTENCY_KEY}` must have 1 to {KEY_CHARACTERS} printable ASCII characters.")
    return key


def webhook_url(request: Request) -> str | None:
    """Where the job's end is to be reported. Raises InvalidOption unless the operator allows it."""
    url = request.headers.get(WEBHOOK_URL)
    if url is None:
        return None
    origins = service_of(request).settings.webhook_origins
    if not origins:
        raise InvalidOption(f"This service sends no webhooks: leave `{WEBHOOK_URL}` out.")
    if not is_allowed(url, origins):
        raise InvalidOption(f"`{WEBHOOK_URL}` must be a URL of an origin that is allowed here, without a user or #.")
    return url
