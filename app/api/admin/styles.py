"""Style images to train from: uploaded by the operator, listed, and deleted while nothing uses them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.admin.audit import note
from app.api.admin.openapi import style_body
from app.api.admin.schemas import EXAMPLE_STYLE, StylePictureEntry, StylePictureList, style_picture_entry
from app.api.admin.style_form import StyleFields, read_style_form
from app.api.admin.style_library import StyleLibrary, as_style_image, keeping_cost
from app.api.admin.training_options import AddOptions
from app.api.admin.trainings import begin, prepare
from app.api.http.auth import fingerprint_of
from app.api.http.body import Body
from app.api.http.deadline import finished_by
from app.api.http.etag import strong_etag
from app.api.http.multipart import FORM, is_form, parse_form
from app.api.http.openapi import IMAGE_PROBLEMS, REQUEST_ID, problems
from app.api.jobs.creation import MAKING, admit
from app.api.jobs.results import FINAL, answer, picture_response
from app.api.service import Service, service_of
from app.api.stages import Stages
from app.api.stylize.upload import IMAGE_FIELD, deadline_of
from app.errors import (
    DescriptorUnavailable,
    InvalidOption,
    LedgerUnavailable,
    MalformedBody,
    NotFound,
    OutOfMemory,
    PhotosUnavailable,
    ResultExpired,
    StorageUnavailable,
    StyleExists,
    StyleInUse,
)
from app.jobs.gatys import check_descriptor
from app.model_store.style_pictures import MEDIA_TYPE
from app.style_id import style_id_of

router = APIRouter(prefix="/v1/admin/styles", tags=["admin"])

PictureId = Annotated[str, Path(description="Id of a style image.", examples=[EXAMPLE_STYLE])]
PROBLEMS = (*IMAGE_PROBLEMS, StyleExists, OutOfMemory, DescriptorUnavailable, PhotosUnavailable, *MAKING)


@router.post(
    "",
    summary="Upload a style image",
    status_code=201,
    response_class=JSONResponse,
    responses={
        201: {
            "description": "The style image is stored.",
            "model": StylePictureEntry,
            "headers": {
                "Location": {"description": "Path of the style image.", "schema": {"type": "string"}},
                "X-Request-ID": REQUEST_ID,
            },
        },
        **problems(*PROBLEMS),
    },
    openapi_extra={"requestBody": style_body()},
)
async def upload_style_image(request: Request) -> Response:
    """Store a style image under an id made from its title, and train its style at once if `train` names a model.

    `curl -H "Authorization: Bearer $TOKEN" -F image=@style.jpg -F title='The Great Wave' -F train=compact
    /v1/admin/styles`

    It is decoded like every image and stored without metadata, with at most 2048 pixels an edge.
    """
    service = service_of(request)
    body = Body(request, service.settings.body_bytes, service.uploads)
    deadline = deadline_of(service)
    try:
        async with finished_by(deadline):
            data, fields = await receive(request, body)
            library = StyleLibrary(service.jobs)
            style_id = style_id_of(fields.title)
            note(request, style=style_id)
            await library.check_free(style_id)
            training = await look_ahead(request, style_id, fields.train)
            png, size = await kept(service, data, deadline)
        picture = await library.add(fields, png, size, fingerprint_of(request))
    finally:
        body.drop()
    job = None if training is None else (await begin(request, training))[0]
    made = [] if job is None else [f"job {job.id}"]
    shown = style_picture_entry(request, picture, made, None if job is None else job.links.self)
    return JSONResponse(shown.model_dump(mode="json"), 201, {"Location": shown.links.self})


async def kept(service: Service, data: bytes, deadline: float) -> tuple[bytes, tuple[int, int]]:
    """What `as_style_image` returns. Raises what it raises, and Overloaded."""
    settings, stages = service.settings, Stages()
    header = await service.codecs.probe(data, settings.picture_megapixels, deadline, stages)
    with service.codecs.admit([keeping_cost(header)], deadline) as work:
        return await work.run(stages, as_style_image, data, settings.picture_megapixels, settings.decode_bytes)


async def look_ahead(request: Request, style_id: str, model: str | None) -> AddOptions | None:
    """The training that follows, checked for everything that could stop it except its style image."""
    if model is None:
        return None
    check_descriptor(service_of(request).settings)
    await admit(request)
    options = AddOptions(mode="add", model=model, styles=[style_id])
    await prepare(request, options)
    return options


async def receive(request: Request, body: Body) -> tuple[bytes, StyleFields]:
    if request.query_params:
        raise InvalidOption("Send the title and the other fields in the form, not in the query.")
    content_type = request.headers.get("content-type", "")
    if not is_form(content_type):
        raise MalformedBody(f"Send a form: {FORM} with `{IMAGE_FIELD}` and `title`.")
    pictures, fields = await parse_form(content_type, body.chunks(), {IMAGE_FIELD: 1})
    return pictures[IMAGE_FIELD][0], read_style_form(fields)


@router.get("", summary="All style images", responses=problems(LedgerUnavailable))
async def list_style_images(request: Request) -> StylePictureList:
    """Sorted by id, with what was made from each."""
    found = await StyleLibrary(service_of(request).jobs).all()
    return StylePictureList(styles=[style_picture_entry(request, picture, users) for picture, users in found])


@router.get("/{style_id}", summary="One style image", responses=problems(NotFound, LedgerUnavailable))
async def get_style_image(request: Request, style_id: PictureId) -> StylePictureEntry:
    """What is known about it, and what was made from it."""
    return style_picture_entry(request, *await StyleLibrary(service_of(request).jobs).find(style_id))


@router.get(
    "/{style_id}/picture",
    summary="The style image itself",
    response_class=Response,
    responses={
        **picture_response("The stored image.", MEDIA_TYPE),
        **problems(NotFound, ResultExpired, LedgerUnavailable, StorageUnavailable),
    },
)
async def get_style_image_file(request: Request, style_id: PictureId) -> Response:
    """The image that trainings use, scaled to their `stroke`."""
    library = StyleLibrary(service_of(request).jobs)
    picture, _ = await library.find(style_id)
    return answer(request, await library.picture(picture), MEDIA_TYPE, strong_etag(picture.sha256), FINAL)


@router.delete(
    "/{style_id}",
    summary="Delete a style image",
    status_code=204,
    responses={
        204: {"description": "It is deleted."},
        **problems(NotFound, StyleInUse, LedgerUnavailable, StorageUnavailable),
    },
)
async def delete_style_image(request: Request, style_id: PictureId) -> Response:
    """Delete a style image that no training and no model version uses."""
    await StyleLibrary(service_of(request).jobs).delete(style_id)
    return Response(status_code=204)
