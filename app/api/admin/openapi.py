"""What the OpenAPI document says of the operator's routes."""

from __future__ import annotations

from pydantic import BaseModel

from app.api.admin.style_form import StyleFields
from app.api.admin.training_options import AddOptions, FullOptions
from app.api.http.json_body import MEDIA_TYPE
from app.api.http.multipart import FORM
from app.api.http.openapi import PICTURE, Document, without_null
from app.api.stylize.upload import IMAGE_FIELD

EXAMPLE_FORM = {"title": "The Great Wave", "artist": "Hokusai", "year": 1831, "licence": "Public domain"}

EXAMPLE_TRAININGS = {
    "add a style": {"mode": "add", "styles": ["the_great_wave"], "minutes": 1},
    "ask what it would cost": {"mode": "add", "model": "compact", "styles": ["the_great_wave"], "dry_run": True},
    "a model from scratch": {
        "mode": "full",
        "name": "waves",
        "architecture": "compact",
        "styles": ["the_great_wave", "red_fuji"],
        "steps": 8000,
        "activate": False,
    },
}


def style_body() -> Document:
    """The form of `POST /v1/admin/styles`."""
    properties = StyleFields.model_json_schema()["properties"]
    form = {
        "type": "object",
        "required": [IMAGE_FIELD, "title"],
        "properties": {
            IMAGE_FIELD: {**PICTURE, "description": "The style image."},
            **{name: without_null(schema) for name, schema in properties.items()},
        },
        "additionalProperties": False,
    }
    return {
        "required": True,
        "description": "The image is JPEG, PNG, WebP or AVIF, recognised by its first bytes.",
        "content": {FORM: {"schema": form, "examples": {"a style image": {"value": EXAMPLE_FORM}}}},
    }


def training_body() -> Document:
    """The JSON of `POST /v1/admin/trainings`."""
    kinds = [json_schema(kind) for kind in (AddOptions, FullOptions)]
    examples = {name: {"value": value} for name, value in EXAMPLE_TRAININGS.items()}
    return {"required": True, "content": {MEDIA_TYPE: {"schema": {"oneOf": kinds}, "examples": examples}}}


def activation_body(kind: type[BaseModel]) -> Document:
    """The JSON of `PUT /v1/admin/models/{name}/active`."""
    examples = {"activate": {"value": {"version": 2}}, "a candidate": {"value": {"version": 3, "force": True}}}
    return {"required": True, "content": {MEDIA_TYPE: {"schema": json_schema(kind), "examples": examples}}}


def json_schema(kind: type[BaseModel]) -> Document:
    """The schema without references, for one place. `None` is left out: it means that the member is not given."""
    schema = kind.model_json_schema()
    return {**schema, "properties": {name: without_null(member) for name, member in schema["properties"].items()}}
