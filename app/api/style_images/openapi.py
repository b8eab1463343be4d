"""What the OpenAPI document says about sending a style image."""

from __future__ import annotations

from app.api.http.openapi import PICTURE, Document, without_null
from app.api.schemas import StyleImageOptions
from app.api.stylize.upload import IMAGE_FIELD

EXAMPLE_HANDLE = "style:0f3ac9d1b2e84765a0f3ac9d1b2e8476"


def option_schemas() -> dict[str, Document]:
    """The JSON schema of each option by its name."""
    properties: dict[str, Document] = StyleImageOptions.model_json_schema()["properties"]
    return {name: without_null(schema) for name, schema in properties.items()}


def image_parameters() -> list[Document]:
    """Options in the query."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema["description"],
            "schema": {key: value for key, value in schema.items() if key not in ("description", "examples")},
            "examples": {str(example): {"value": example} for example in schema["examples"]},
        }
        for name, schema in option_schemas().items()
    ]


def image_body() -> Document:
    """The style image itself, or a form."""
    form = {
        "type": "object",
        "required": [IMAGE_FIELD],
        "properties": {IMAGE_FIELD: PICTURE, **option_schemas()},
        "additionalProperties": False,
    }
    raw = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
    return {
        "required": True,
        "description": "The style image itself with the options in the query, or a form with both. The format is "
        "recognised by its first bytes.",
        "content": {
            **{media_type: {"schema": PICTURE} for media_type in raw},
            "multipart/form-data": {"schema": form, "examples": {"a model": {"value": {"model": "compact"}}}},
        },
    }
