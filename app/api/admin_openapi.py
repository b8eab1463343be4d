"""What the OpenAPI document says of the operator's routes."""

from __future__ import annotations

from app.api.openapi import PICTURE, Document, without_null
from app.api.style_form import StyleFields
from app.api.upload import FORM, IMAGE_FIELD

EXAMPLE_FORM = {"title": "The Great Wave", "artist": "Hokusai", "year": 1831, "licence": "Public domain"}


def style_body() -> Document:
    """The form of `POST /v1/admin/styles`."""
    properties = StyleFields.model_json_schema()["properties"]
    form = {
        "type": "object",
        "required": [IMAGE_FIELD, "title"],
        "properties": {
            IMAGE_FIELD: {**PICTURE, "description": "The painting."},
            **{name: without_null(schema) for name, schema in properties.items()},
        },
        "additionalProperties": False,
    }
    return {
        "required": True,
        "description": "The picture is JPEG, PNG or WebP; what it is, its first bytes tell.",
        "content": {FORM: {"schema": form, "examples": {"a painting": {"value": EXAMPLE_FORM}}}},
    }
