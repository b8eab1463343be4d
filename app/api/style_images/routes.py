"""Styles of one's own images: sent, looked at, and deleted. They are listed beside the others in app.api.styles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.http.auth import principal_of
from app.api.http.body import Body
from app.api.http.deadline import finished_by
from app.api.http.etag import strong_etag
from app.api.http.multipart import is_form, parse_form
from app.api.http.openapi import IMAGE_PROBLEMS, REQUEST_ID, problems
from app.api.http.rate_limit_fields import note
from app.api.jobs.creation import MAKING, accepted
from app.api.jobs.openapi import accepted_response
from app.api.jobs.results import FINAL, answer, picture_response
from app.api.schemas import RefinementOptions, StyleEntry, StyleImageOptions
from app.api.service import service_of
from app.api.style_images.entries import entry_of, path_of
from app.api.style_images.library import KEPT_MEDIA_TYPE
from app.api.style_images.openapi import EXAMPLE_HANDLE, image_body, image_parameters
from app.api.style_images.refining import look_ahead, refine
from app.api.stylize.options import Pairs, invalid_options
from app.api.stylize.result_key import digest
from app.api.stylize.upload import IMAGE_FIELD, deadline_of
from app.errors import (
    DeadlineExceeded,
    DescriptorUnavailable,
    EmptyBody,
    InvalidOption,
    LedgerUnavailable,
    ModelUnavailable,
    NoStyleEncoder,
    NotFound,
    Overloaded,
    TooManyStyleImages,
    UnknownStyleImage,
)

router = APIRouter(prefix="/v1/styles", tags=["styles"])

Handle = Annotated[str, Path(description="Handle of a style image.", examples=[EXAMPLE_HANDLE])]
NO_STORE = {"Cache-Control": "no-store"}
PROBLEMS = (*IMAGE_PROBLEMS, NoStyleEncoder, TooManyStyleImages, ModelUnavailable, DescriptorUnavailable, *MAKING)


REFINING_PROBLEMS = (
    NotFound,
    InvalidOption,
    NoStyleEncoder,
    UnknownStyleImage,
    DescriptorUnavailable,
    Overloaded,
    ModelUnavailable,
    DeadlineExceeded,
    *MAKING,
)


@router.post(
    "",
    summary="Send a style image",
    status_code=201,
    response_class=JSONResponse,
    responses={
        200: {
            "description": "It was there already, and is kept longer.",
            "model": StyleEntry,
            "headers": {"X-Request-ID": REQUEST_ID},
        },
        201: {
            "description": "The style, to be requested by its id at once.",
            "model": StyleEntry,
            "headers": {
                "Location": {"description": "Path of the style.", "schema": {"type": "string"}},
                "X-Request-ID": REQUEST_ID,
            },
        },
        **problems(*PROBLEMS),
    },
    openapi_extra={"parameters": image_parameters(), "requestBody": image_body()},
)
async def create_style(request: Request) -> Response:
    """Send any image as the body, or as `image` in a form; its style can be requested at once.

    `curl --data-binary @style.jpg -H 'Content-Type: image/jpeg' /v1/styles`

    The `id` in the answer is its handle, `style:` and a hash. It stands wherever the id of a style may, also in blends,
    and is yours alone. The same image has the same handle each time. It is kept for a while: `expires_at` says until
    when, and sending the image again postpones it.

    With `refine=20`, a job trains the style for 20 seconds meanwhile; `image.stage` says how far it is.
    """
    service = service_of(request)
    principal = principal_of(request)
    note(request, await service.style_images.count(principal))
    body = Body(request, service.settings.body_bytes, service.uploads)
    deadline = deadline_of(service)
    try:
        async with finished_by(deadline):
            data, options = await receive(request, body)
            manifest = service.catalogue.model(options.model)
            encoder = service.catalogue.encoder(manifest)
            if options.refine is not None:
                await look_ahead(request, options.refine)
            image, new = await service.style_images.keep(principal, data, encoder, deadline)
    finally:
        body.drop()
    if options.refine is not None:
        image, _ = await refine(request, image, manifest, encoder, options.refine)
    shown = entry_of(request, image, manifest).model_dump(mode="json")
    return JSONResponse(shown, 201 if new else 200, {"Location": path_of(request, image.handle), **NO_STORE})


async def receive(request: Request, body: Body) -> tuple[bytes, StyleImageOptions]:
    """The image and the options that came with it. Raises InvalidOption, EmptyBody, and as reading any body."""
    query = request.query_params.multi_items()
    content_type = request.headers.get("content-type", "")
    if is_form(content_type):
        pictures, fields = await parse_form(content_type, body.chunks(), {IMAGE_FIELD: 1})
        [data] = pictures[IMAGE_FIELD]
        options = read_options([*query, *fields])
    else:
        options = read_options(query)
        data = await body.read()
    if not data:
        raise EmptyBody("The body is empty: send a style image.")
    return data, options


def read_options(pairs: Pairs) -> StyleImageOptions:
    """Raises InvalidOption."""
    if len(dict(pairs)) < len(pairs):
        raise InvalidOption("An option is given twice.")
    try:
        return StyleImageOptions.model_validate_strings(dict(pairs))
    except ValidationError as error:
        raise invalid_options(error.errors()) from None


@router.post(
    "/{style_id}/refinement",
    summary="Refine a style image of yours",
    status_code=202,
    response_class=JSONResponse,
    responses={202: accepted_response(), **problems(*REFINING_PROBLEMS)},
)
async def create_style_refinement(
    request: Request, style_id: Handle, query: Annotated[RefinementOptions, Query()]
) -> Response:
    """A job trains the style for some seconds, from what it is now; the handle stands for the result if it is better.

    Until then it stands for what it did before. While a job is at it, that job is the answer.
    """
    service = service_of(request)
    manifest = service.catalogue.model(query.model)
    encoder = service.catalogue.encoder(manifest)
    image = await service.style_images.find(principal_of(request), style_id, encoder)
    await look_ahead(request, query.seconds)
    deadline = deadline_of(service)
    async with finished_by(deadline):  # another encoder's reading is no start
        await service.style_images.kept_rows(principal_of(request), [style_id], encoder, deadline)
    _, job = await refine(request, image, manifest, encoder, query.seconds)
    return accepted(job, True)


@router.get(
    "/{style_id}/thumbnail",
    summary="A style image of yours",
    response_class=Response,
    responses={
        **picture_response("The image, at most 512 pixels wide and high.", KEPT_MEDIA_TYPE),
        **problems(NotFound, LedgerUnavailable),
    },
)
async def get_style_thumbnail(request: Request, style_id: Handle) -> Response:
    """What is kept of the style image."""
    data = await service_of(request).style_images.picture(principal_of(request), style_id)
    return answer(request, data, KEPT_MEDIA_TYPE, strong_etag(await digest(data)), FINAL)


@router.delete(
    "/{style_id}",
    summary="Delete a style image of yours",
    status_code=204,
    responses={
        204: {"description": "It is deleted, and its handle is unknown."},
        **problems(NotFound, LedgerUnavailable),
    },
)
async def delete_style(request: Request, style_id: Handle) -> Response:
    """Forget the image and everything that was read from it or learned for it. Styles of models cannot be deleted."""
    await service_of(request).style_images.delete(principal_of(request), style_id)
    return Response(status_code=204)
