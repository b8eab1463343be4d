"""What the OpenAPI document says about creating jobs."""

from __future__ import annotations

import json
from typing import Any

from app.api.http.openapi import PICTURE, REQUEST_ID, Document, without_null
from app.api.jobs.form import CONTENT_FIELD, LAYERS, JobFields
from app.api.jobs.schemas import EXAMPLE_ID, JobEntry
from app.api.stylize.upload import MAX_STYLES, STYLE_FIELD
from app.gatys.options import GatysOptions
from app.jobs.webhook_url import MAX_URL_CHARACTERS

# The description of each option of the method, and an example.
GATYS_OPTIONS: dict[str, tuple[str, Any]] = {
    "recipe": ("`paper` takes Gatys' own values (arXiv 1508.06576) for what is not given.", "paper"),
    "size": ("Longer edge of the result in pixels. Without it, the photo's own up to what is allowed.", 384),
    "color": ("`style` takes the style image's colours, `keep` the photo's own, `match` the photo's palette.", "keep"),
    "start": ("Start from the photo, from noise, or from a generator's `picture` of it.", "content"),
    "seed": ("Seed of the noise.", 7),
    "palette": ("Whether the photo that it starts from first gets the style image's colours.", True),
    "stroke": ("Size of the strokes: 2 uses the style image at twice the size.", 1.5),
    "losses": ("`balanced`: relative to the target's own energy; `paper`: the paper's sums.", "balanced"),
    "style_layers": ("Layers of the style loss, each with its weight.", "relu1_1:0.5,relu2_1:0.5"),
    "content_layers": ("Layers of the content loss, each with its weight.", "relu4_2:1"),
    "style_weight": ("Weight of the style loss.", 1.0),
    "content_weight": ("Weight of the content loss: more keeps more of the photo.", 0.05),
    "scales": ("Coarse to fine: each scale doubles the edges of the one before.", 3),
    "detail": ("How much of the start's finest detail is added when a scale begins.", 1.0),
    "iterations": ("Largest number of iterations.", 180),
    "seconds": ("Largest number of seconds.", 60),
    "tolerance": ("Stop when the loss fell by a smaller share over ten iterations; 0 never does.", 0.005),
    "optimiser": ("L-BFGS or Adam.", "lbfgs"),
    "history": ("Steps that L-BFGS remembers.", 10),
    "learning_rate": ("Learning rate of Adam.", 0.02),
    "smoothness": ("Power of 1/frequency by which gradients are weighted.", 0.5),
    "bounded": ("Keep every pixel within the range of colours at every step.", True),
    "precision": ("Precision of the loss network.", "auto"),
}
EXAMPLE_FORM = {"size": 384, "weights": "0.7,0.3", "stroke": 1.5, "color": "keep", "format": "png"}


def creation_body() -> Document:
    """The form of `POST /v1/jobs`."""
    several: Document = {"type": "array", "items": PICTURE, "minItems": 1, "maxItems": MAX_STYLES}
    form = {
        "type": "object",
        "required": [CONTENT_FIELD, STYLE_FIELD],
        "properties": {
            CONTENT_FIELD: {**PICTURE, "description": "The photo."},
            STYLE_FIELD: {**several, "description": "The style image; may be given several times."},
            **fields(),
            **gatys_fields(),
        },
        "additionalProperties": False,
    }
    example = {"value": EXAMPLE_FORM}
    return {
        "required": True,
        "description": "Images are JPEG, PNG, WebP or AVIF, recognised by their first bytes.",
        "content": {"multipart/form-data": {"schema": form, "examples": {"two style images": example}}},
    }


def fields() -> dict[str, Document]:
    properties: dict[str, Document] = JobFields.model_json_schema()["properties"]
    return {name: without_null(schema) for name, schema in properties.items()}


def gatys_fields() -> dict[str, Document]:
    properties: dict[str, Document] = GatysOptions.model_json_schema()["properties"]
    described = {}
    for name, schema in properties.items():
        text, example = GATYS_OPTIONS[name]
        # Layers go over the wire as text.
        kind = {"type": "string"} if name in LAYERS else without_null(schema)
        # In words only: generated clients send every default, and with `recipe=paper` it is another one.
        default = kind.pop("default", None)
        if default is not None and name != "size":  # whose default is the photo's own
            text = f"{text} By default, {json.dumps(default)}."
        described[name] = {**kind, "description": text, "examples": [example]}
    return described


def idempotency_parameter() -> Document:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Any text of yours: the same key with the same contents gets the job that it created before.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "examples": {"a UUID": {"value": "8e03978e-40d5-43dd-bc93-6894a57f9324"}},
    }


def webhook_parameter() -> Document:
    return {
        "name": "Pastiche-Webhook-Url",
        "in": "header",
        "required": False,
        "description": "Where a signed POST reports the end of the job, at an origin that the operator allows.",
        "schema": {"type": "string", "format": "uri", "maxLength": MAX_URL_CHARACTERS},
        "examples": {"a receiver": {"value": "https://hooks.example.org/pastiche"}},
    }


def prefer_parameter() -> Document:
    return {
        "name": "Prefer",
        "in": "header",
        "required": False,
        "description": "`respond-async` (RFC 7240): create a job and respond at once.",
        "schema": {"type": "string"},
        "examples": {"later": {"value": "respond-async"}},
    }


def accepted_response(**further: str) -> Document:
    """A job was created, now or before. `further` headers by name, with underscores for hyphens."""
    texts = {
        "Location": f"The job, such as `/v1/jobs/{EXAMPLE_ID}`.",
        "Idempotent-Replayed": "`true` where the `Idempotency-Key` had created this job before.",
        **{name.replace("_", "-"): text for name, text in further.items()},
    }
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()}
    return {"description": "The job.", "model": JobEntry, "headers": {**headers, "X-Request-ID": REQUEST_ID}}
