"""What the OpenAPI document says beyond what FastAPI takes from the routes' signatures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.schemas import OptionFields, PaintingFields, Problem
from app.api.stylize.masks import MASK_FIELD, REGION_MASK_FIELD
from app.api.stylize.upload import IMAGE_FIELD, MAX_STYLES, STYLE_FIELD
from app.engine.region import MAX_REGIONS
from app.errors import (
    AnimatedPicture,
    BodyTooLarge,
    DeadlineExceeded,
    EmptyBody,
    InvalidOption,
    MalformedBody,
    Overloaded,
    PasticheError,
    PictureError,
    PictureTooLarge,
    TooManyJobs,
    UnsupportedCoding,
    UnsupportedPicture,
)
from app.imaging.encode import FORMATS

router = APIRouter(include_in_schema=False)

Document = dict[str, Any]
# Ends the names of classes that are shown, which are named after what they show without it.
SHOWN = "Entry"
Responses = dict[int | str, Document]

# Of every route that takes an image and computes something from it.
IMAGE_PROBLEMS = (
    EmptyBody,
    MalformedBody,
    BodyTooLarge,
    PictureTooLarge,
    UnsupportedPicture,
    UnsupportedCoding,
    AnimatedPicture,
    InvalidOption,
    PictureError,
    Overloaded,
    DeadlineExceeded,
)

REQUIRED = " Required, here or in the form, unless that has `style` images."
PICTURE: Document = {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or AVIF, one frame."}
STYLE_IMAGES: Document = {
    "type": "array",
    "items": PICTURE,
    "maxItems": MAX_STYLES,
    "description": "Style images, in place of `styles` or beside it; may be given several times.",
}
REQUEST_ID: Document = {
    "description": "The request's id: the one that was sent, else a new one.",
    "schema": {"type": "string"},
}
RETRY_AFTER: Document = {
    "description": "Seconds until it is worth trying again, where that is known.",
    "schema": {"type": "integer", "minimum": 1},
}


def problems(*kinds: type[PasticheError]) -> Responses:
    """Responses with these problems, an example for each kind."""
    responses: Responses = {}
    for kind in kinds:
        response = responses.setdefault(
            kind.status,
            {
                "description": kind.title,
                "headers": {"X-Request-ID": REQUEST_ID},
                "content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
                },
            },
        )
        if kind.title not in response["description"]:
            response["description"] += f" / {kind.title}"
        if kind.status in (Overloaded.status, TooManyJobs.status):
            response["headers"]["Retry-After"] = RETRY_AFTER
        media = response["content"]["application/problem+json"]
        media["examples"][kind.slug] = {"value": example_problem(kind)}
    return responses


def example_problem(kind: type[PasticheError]) -> Document:
    problem = Problem(
        type=f"/problems/{kind.slug}",
        title=kind.title,
        status=kind.status,
        detail=(kind.__doc__ or kind.title).strip().splitlines()[0],
        instance="5f0c1d6d0a3c4f6f",
    )
    return problem.model_dump()


def option_schemas(kind: type[PaintingFields]) -> dict[str, Document]:
    """The JSON schema of each option by its name."""
    properties: dict[str, Document] = kind.model_json_schema()["properties"]
    return {name: without_null(schema) for name, schema in properties.items()}


def without_null(schema: Document) -> Document:
    """An option that may be left out is not null when it is there: a query and a form have text only."""
    kinds: list[Document] = [kind for kind in schema.get("anyOf", [{}]) if kind != {"type": "null"}]
    given = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "title")}
    if rest.get("default", ...) is None:
        del rest["default"]
    return given | rest


def option_parameters(kind: type[PaintingFields]) -> list[Document]:
    """Options in the query. None of them is required there: in a form they are fields."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema["description"]
            + (" Required, here or in the form, unless it has `style` images." if name == "styles" else ""),
            "schema": {key: value for key, value in schema.items() if key not in ("description", "examples")},
            "examples": {str(example): {"value": example} for example in schema["examples"]},
        }
        for name, schema in option_schemas(kind).items()
    ]


def stylize_body() -> Document:
    """The photo itself, or a form."""
    form = {
        "type": "object",
        "required": [IMAGE_FIELD],
        "properties": {
            IMAGE_FIELD: PICTURE,
            STYLE_FIELD: STYLE_IMAGES,
            MASK_FIELD: {
                **PICTURE,
                "description": "Where the photo is stylized: white is all of `strength`, black none of it. An image of "
                "the photo's shape, of any size.",
            },
            REGION_MASK_FIELD: {
                "type": "array",
                "items": PICTURE,
                "maxItems": MAX_REGIONS,
                "description": "Masks of `regions`, which name them by their file names: white is within the region.",
            },
            **option_schemas(OptionFields),
        },
        "additionalProperties": False,
    }
    raw = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
    example = {"value": {"styles": "starry_night:0.7,great_wave:0.3", "strength": 0.8}}
    return {
        "required": True,
        "description": "The photo itself with the options in the query, or a form with both. The format is "
        "recognised by its first bytes.",
        "content": {
            **{media_type: {"schema": PICTURE} for media_type in raw},
            "multipart/form-data": {"schema": form, "examples": {"a blend": example}},
        },
    }


def stylized_image_response() -> Document:
    """The stylized image, in each format that can be written."""
    headers = {
        "Cache-Control": "`private, no-cache`: the client may keep it, and revalidates with `If-None-Match`.",
        "Cache-Status": "Whether it was computed now, cached, or computed for an equal request (`collapsed`).",
        "ETag": "Of the photo, the weights and the options; weak where images are batched.",
        "Pastiche-Model": "The model that was used, `name@version`.",
        "Server-Timing": "Milliseconds by stage: upload, queue, decode, engine, colour, encode, total.",
        "Vary": "`Accept`, which may choose the format.",
    }
    described = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    return {
        "description": "The stylized image.",
        "headers": {**described, "X-Request-ID": REQUEST_ID},
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in FORMATS.values()},
    }


@router.get("/openapi.json")
def document(request: Request) -> Response:
    """The document, with the path below which a proxy serves us. In a thread, since the first one takes a while."""
    found: Document = request.app.openapi()
    if root_path := request.scope.get("root_path", ""):
        found = {**found, "servers": [{"url": root_path}]}
    return JSONResponse(found)


class CompleteDocument:
    """The document of an application, with what FastAPI leaves out. It is made when it is first asked for.

    FastAPI keeps it, as `openapi_schema`.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._turn = threading.Lock()

    def __call__(self) -> Document:
        with self._turn:
            if self._app.openapi_schema is None:
                completed(FastAPI.openapi(self._app), self._app.root_path)
            return FastAPI.openapi(self._app)


def completed(document: Document, root_path: str) -> Document:
    document["servers"] = [{"url": root_path or "/"}]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    for item in document["paths"].values():
        for operation in item.values():
            # An empty list says that it needs no key; FastAPI says nothing, which generators read in several ways.
            operation.setdefault("security", [])
            # FastAPI's own error body, which no route answers with.
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    rename_schemas(document)
    return document


def rename_schemas(document: Document) -> None:
    """`JobEntry` becomes `Job`: the class of the ledger has that name here, and a client's class there."""
    schemas = document["components"]["schemas"]
    names = {name: name.removesuffix(SHOWN) for name in schemas}
    document["components"]["schemas"] = {
        names[name]: schema | {"title": names[name]} for name, schema in schemas.items()
    }
    for found in references(document):
        found["$ref"] = "#/components/schemas/" + names[found["$ref"].rpartition("/")[2]]


def references(node: Any) -> Iterator[Document]:
    """Every object in a part of the document that refers to a schema."""
    if isinstance(node, dict) and "$ref" in node:
        yield node
    for member in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from references(member)
