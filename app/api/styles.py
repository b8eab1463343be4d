"""The catalogue of styles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from app.api.http.etag import strong_etag, unchanged
from app.api.http.openapi import problems
from app.api.schemas import StyleEntry, StyleList, StyleLossEntry, StylesListQuery, StylesQuery
from app.api.service import service_of
from app.api.style_images.entries import own_style, own_styles
from app.errors import InvalidOption, LedgerUnavailable, NoStyleEncoder, NotFound
from app.model_store.style_images import PREFIX
from app.registry.manifest import Manifest, Style
from app.registry.style_search import matching
from app.serving.catalogue import ALL, Catalogue

router = APIRouter(prefix="/v1/styles", tags=["styles"])

StyleName = Annotated[
    str,
    Path(
        description="Id of a style, or handle of a style image.",
        examples=["starry_night"],
        openapi_examples={"a style": {"value": "starry_night"}},
    ),
]
# A style's preview changes only when a new version of its model comes, and its ETag with it.
FRESH = "max-age=3600"


@router.get("", summary="List styles", responses=problems(InvalidOption, NoStyleEncoder, LedgerUnavailable))
async def list_styles(request: Request, query: Annotated[StylesListQuery, Query()]) -> StyleList:
    """The styles of the default model, of the model that `model` names, or with `all` of every model.

    With `own`, the style images that you have sent to `POST /v1/styles`, as they are to that model.
    """
    if query.all and query.model is not None:
        raise InvalidOption("`all` and `model` exclude each other: send one of them.")
    if query.own:
        if query.all or query.search is not None:
            raise InvalidOption("`own` goes with `model` only.")
        return await own_styles(request, query.model)
    catalogue = service_of(request).catalogue
    offered = list(catalogue.styles(ALL if query.all else query.model))
    if query.search is not None:
        found = matching(query.search, [style for _, style in offered])
        offered = [(manifest, style) for manifest, style in offered if style in found]
    return StyleList(
        styles=[entry(request, catalogue, manifest, style) for manifest, style in offered],
        style_images=catalogue.takes_images(catalogue.model(None if query.model == ALL else query.model)),
    )


@router.get(
    "/{style_id}", summary="One style", responses=problems(NotFound, InvalidOption, NoStyleEncoder, LedgerUnavailable)
)
async def get_style(request: Request, style_id: StyleName, query: Annotated[StylesQuery, Query()]) -> StyleEntry:
    """The style, of the model that `model` names or of the first that has it; by its handle, a style image of yours."""
    if style_id.startswith(PREFIX):
        return await own_style(request, style_id, query.model)
    catalogue = service_of(request).catalogue
    return entry(request, catalogue, *catalogue.style(style_id, query.model))


@router.get(
    "/{style_id}/preview",
    summary="An example image",
    response_class=Response,
    responses={
        200: {
            "description": "The preview.",
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
            "headers": {"ETag": {"description": "Of exactly these bytes.", "schema": {"type": "string"}}},
        },
        304: {"description": "The client has it already (`If-None-Match`)."},
        **problems(NotFound, InvalidOption),
    },
)
async def get_style_preview(request: Request, style_id: StyleName, query: Annotated[StylesQuery, Query()]) -> Response:
    """A photo in this style."""
    service = service_of(request)
    catalogue = service.catalogue
    picture = catalogue.preview(*catalogue.style(style_id, query.model))
    if picture is None:
        raise NotFound(f"The style {style_id} has no preview.")
    etag = strong_etag(picture.sha256)
    # A shared cache would hand out what the service gives only to those with a key.
    shared = "private" if service.settings.api_keys else "public"
    headers = {"ETag": etag, "Cache-Control": f"{shared}, {FRESH}"}
    if unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(picture.data, media_type=picture.media_type, headers=headers)


def entry(request: Request, catalogue: Catalogue, manifest: Manifest, style: Style) -> StyleEntry:
    path = None
    if catalogue.preview(manifest, style):
        path = request.scope.get("root_path", "") + str(
            request.app.url_path_for("get_style_preview", style_id=style.id)
        )
        # The path alone means the first model that has the style.
        if catalogue.style(style.id, None)[0] is not manifest:
            path += f"?model={manifest.label}"
    return StyleEntry(
        id=style.id,
        title=style.title,
        artist=style.artist,
        year=style.year,
        licence=style.licence,
        kind="texture" if manifest.architecture.name == "texture" else "style",
        model=manifest.label,
        preview=path,
        losses=StyleLossEntry(style=style.losses.style, content=style.losses.content) if style.losses else None,
    )
