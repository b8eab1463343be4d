"""Validate, dry-run or enqueue a training, which is then a job like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.admin.audit import note
from app.api.admin.openapi import training_body
from app.api.admin.style_library import StyleLibrary
from app.api.admin.training_options import ANY_OPTIONS, AddOptions, FullOptions, check_recipe
from app.api.admin.training_plan import TrainingPlan, draw_plan
from app.api.http.auth import fingerprint_of
from app.api.http.json_body import receive_json
from app.api.http.openapi import REQUEST_ID, problems
from app.api.jobs.creation import MAKING, accepted, admit, make_job
from app.api.jobs.openapi import accepted_response, idempotency_parameter, webhook_parameter
from app.api.jobs.schemas import JobEntry
from app.api.service import Service, service_of
from app.errors import (
    BodyTooLarge,
    DescriptorUnavailable,
    EmptyBody,
    InvalidOption,
    MalformedBody,
    Overloaded,
    PhotosUnavailable,
    StyleExists,
    UnknownStyle,
)
from app.jobs.gatys import check_descriptor
from app.jobs.job import JobStatus
from app.jobs.training_inputs import usable_photos
from app.jobs.training_params import KIND, StyleImageRef, TrainingParams
from app.registry.label import parse_label
from app.training.recipe import AddRecipe, Recipe

router = APIRouter(prefix="/v1/admin/trainings", tags=["admin"])

# Finished trainings from which the duration of a new one is estimated.
MAX_PAST = 20
PROBLEMS = (
    EmptyBody,
    MalformedBody,
    StyleExists,
    BodyTooLarge,
    InvalidOption,
    UnknownStyle,
    Overloaded,
    DescriptorUnavailable,
    PhotosUnavailable,
    *MAKING,
)


@router.post(
    "",
    summary="Train styles or a model",
    status_code=202,
    response_class=JSONResponse,
    responses={
        200: {
            "description": "With `dry_run`: what would happen.",
            "model": TrainingPlan,
            "headers": {"X-Request-ID": REQUEST_ID},
        },
        202: accepted_response(),
        **problems(*PROBLEMS),
    },
    openapi_extra={"parameters": [idempotency_parameter(), webhook_parameter()], "requestBody": training_body()},
)
async def create_training(request: Request) -> Response:
    """`add` trains new styles for a model that otherwise stays as it is, in about a minute; `full` trains a model.

    A training is a job: `/v1/jobs/{id}` has its progress, losses, sample sheets and the version that it made, and
    cancels it. One training runs at a time on a device; the others are queued.
    """
    check_descriptor(service_of(request).settings)
    await admit(request)
    options = await receive_json(request, ANY_OPTIONS)
    recipe = check_recipe(options, recipe_of(service_of(request), options.target))
    photos = await prepare(request, options)
    note(request, model=options.target, styles=options.styles, dry_run=options.dry_run, force=options.force)
    if not options.dry_run:
        return accepted(*await begin(request, options))
    return JSONResponse((await plan(request, options, recipe, photos)).model_dump(mode="json"))


def recipe_of(service: Service, model: str) -> Mapping[str, Any] | None:
    """For a model that is served here; for any other, only the training itself can tell."""
    served = [manifest for manifest in service.catalogue.manifests if model in (manifest.name, manifest.label)]
    return served[0].recipe if served else None


async def prepare(request: Request, options: AddOptions | FullOptions) -> int:
    """Check everything but the style images. Returns the number of photos; 0: the built-in images.

    Raises:
        InvalidOption, StyleExists, PhotosUnavailable, LedgerUnavailable.
    """
    service = service_of(request)
    if isinstance(options, AddOptions):
        await check_base(service, options)
    return len(await service.jobs.work(usable_photos, service.settings))


async def begin(request: Request, options: AddOptions | FullOptions) -> tuple[JobEntry, bool]:
    """Make the job. Raises UnknownStyle, and what making a job does."""
    params = await parameters(request, options)
    given = params.model_dump(mode="json")
    # A token may be changed between a request and its repetition.
    asked = {name: value for name, value in given.items() if name != "by"}
    job, made = await make_job(request, KIND, given, {}, options.priority, asked=asked)
    note(request, job=job.id)
    return job, made


async def plan(
    request: Request, options: AddOptions | FullOptions, recipe: AddRecipe | Recipe, photos: int
) -> TrainingPlan:
    gateway = service_of(request).jobs
    params = await parameters(request, options)
    waiting, running = [
        await gateway.ask(gateway.ledger.page, kind=KIND, status=status)
        for status in (JobStatus.QUEUED, JobStatus.RUNNING)
    ]
    past = await gateway.ask(gateway.ledger.page, kind=KIND, status=JobStatus.DONE, limit=MAX_PAST)
    return draw_plan(params, recipe, photos, len(waiting) + len(running), past)


async def parameters(request: Request, options: AddOptions | FullOptions) -> TrainingParams:
    """Of the job. Raises UnknownStyle."""
    found = {picture.id: picture for picture, _ in await StyleLibrary(service_of(request).jobs).all()}
    if unknown := [style for style in options.styles if style not in found]:
        raise UnknownStyle(f"There is no style image {', '.join(unknown)}: upload it with `POST /v1/admin/styles`.")
    return TrainingParams(
        mode=options.mode,
        model=options.target,
        paintings=[StyleImageRef.of(found[style]) for style in options.styles],
        recipe=options.recipe,
        activate=options.activate,
        force=options.force,
        by=fingerprint_of(request),
    )


async def check_base(service: Service, options: AddOptions) -> None:
    """As far as can be told now: the training itself finds out which version it is."""
    name, version = parse_label(options.model)
    versions = await service.jobs.ask(service.jobs.model_store.versions, name)
    if not [known for known in versions if version in (None, known.version)]:
        raise InvalidOption(f"There is no model {options.model}.")
    for manifest in service.catalogue.manifests:
        known = [style for style in options.styles if style in manifest.style_ids]
        if known and options.model in (manifest.name, manifest.label):
            raise StyleExists(f"{manifest.label} already has a style {', '.join(known)}.")
