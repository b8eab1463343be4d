"""What goes over the wire, as the OpenAPI document shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, field_validator

from app.engine.region import MAX_CHARACTERS, MAX_POINTS, MAX_REGIONS, RegionFields
from app.imaging.compose import Colour
from app.imaging.encode import FORMATS, format_named
from app.imaging.stroke import AUTO, AUTO_EDGE, MAX_STROKE, MIN_STROKE, Stroke, read_stroke

# A query and a form have text only.
REGIONS_SCHEMA: dict[str, Any] = {
    "contentMediaType": "application/json",
    "contentSchema": {"type": "array", "maxItems": MAX_REGIONS, "items": RegionFields.model_json_schema()},
}
STROKE_SCHEMA = {
    "anyOf": [
        {"type": "string", "enum": [AUTO]},
        {"type": "number", "minimum": MIN_STROKE, "maximum": MAX_STROKE},
    ]
}


class PaintingFields(BaseModel):
    """How something is painted, the same in a query and in a form."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    styles: str | None = Field(
        None,
        description="Style ids, separated by commas, each with its weight after a colon or none for 1. Weights are "
        "positive; they are divided by their sum. `GET /v1/styles` lists the ids; the handle of a style image from "
        "`POST /v1/styles` stands wherever an id may.",
        examples=["starry_night", "starry_night:0.7,great_wave:0.3"],
        max_length=2000,
    )
    weights: str | None = Field(
        None,
        description="Weights of the `style` images of a form in their order, separated by commas; they count like "
        "those in `styles`. Without it, each has 1.",
        examples=["0.7,0.3"],
        max_length=500,
    )
    strength: float = Field(
        1.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How much of the style the result has, in linear light: 0 is the photo itself, 1 the full style.",
        examples=[0.8],
    )
    boldness: float = Field(
        0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How much the network paints over its own painting: strokes become bolder, and the photo's details "
        "fewer. With 0 it paints once; with more it takes twice as long.",
        examples=[0.5],
    )
    color: Colour = Field(
        "style",
        description="`style` takes the style's colours; `keep` keeps the photo's, each in its place, and takes the "
        "style's light and shade; `match` gives the style's colours the photo's palette.",
        examples=["keep"],
    )
    stroke: Annotated[Stroke, PlainValidator(read_stroke), WithJsonSchema(STROKE_SCHEMA)] = Field(
        AUTO,
        description="Size of the strokes. `auto`: relative to the picture, so that a large result has the strokes "
        f"of one of {AUTO_EDGE} pixels. A number is relative to the pixel: with 1 the network works at the "
        "result's own resolution, with 2 at half of it and with 0.5 at twice that, up to the service's limit. The "
        "photo's part of `strength` and `color=keep` stays sharp.",
        examples=["auto", 1.5],
    )
    size: int | None = Field(
        None,
        ge=16,
        description="Longer edge of the result in pixels, up to the service's limit, which is lower where `stroke` is "
        "a number and higher for a job (`Prefer: respond-async`). A smaller photo is enlarged first. Without it, the "
        "photo's own, scaled down where it exceeds the limit.",
        examples=[1024],
    )
    model: str | None = Field(
        None,
        description="A model: `name` or `name@version`. Without it, the service's first.",
        examples=["compact"],
        max_length=100,
    )


class OptionFields(PaintingFields):
    """The options of `POST /v1/stylize`."""

    regions: str | None = Field(
        None,
        description=f"A JSON array of up to {MAX_REGIONS} regions that are painted in another way than the rest, each "
        f"over those before it: `polygon` (up to {MAX_POINTS} corners, x and y in fractions of the picture's width and "
        "height) with `feather`, or `mask` (the file name of a `region_mask` of the form); and `styles`, `strength` "
        "and `color`, where they are not the request's own.",
        examples=['[{"polygon": [[0, 0], [1, 0], [1, 0.4], [0, 0.5]], "styles": "great_wave", "strength": 0.8}]'],
        max_length=MAX_CHARACTERS,
        json_schema_extra=REGIONS_SCHEMA,
    )
    format: str | None = Field(
        None,
        description="Format of the result. Without it, the one that `Accept` prefers, else JPEG. JPEG shows "
        "transparency as white; the others keep it.",
        examples=["webp"],
        json_schema_extra={"enum": list(FORMATS)},
    )
    quality: int = Field(
        90, ge=1, le=100, description="Quality of the encoder; PNG is lossless and ignores it.", examples=[90]
    )

    @field_validator("format")
    @classmethod
    def can_be_written(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if (format := format_named(value)) is None:
            raise ValueError(f"must be one of {', '.join(FORMATS)}")
        return format


class VideoFields(PaintingFields):
    """The options of `POST /v1/videos`."""

    styles_end: str | None = Field(
        None,
        description="The style or blend of the last frame, written as `styles`, which are those of the first: frame by "
        "frame the one becomes the other.",
        examples=["great_wave"],
        max_length=2000,
    )
    steady: bool = Field(
        True,
        description="Whether strokes stay where nothing changes, and move with what moves. Otherwise every frame is "
        "painted as a photo.",
        examples=[False],
    )
    format: Literal["mp4", "webm", "gif", "webp"] = Field(
        "mp4",
        description="Format of the result: H.264 in MP4, VP9 in WebM, GIF, or animated WebP.",
        examples=["webm"],
    )
    quality: int = Field(90, ge=1, le=100, description="Quality of the encoder; GIF ignores it.", examples=[90])


class Problem(BaseModel):
    """RFC 9457 problem details. Some problems have further members, which their examples show."""

    type: str = Field(description="Names the kind of problem and never changes.", examples=["/problems/unknown-style"])
    title: str = Field(description="The kind of problem in words.", examples=["Unknown style"])
    status: int = Field(examples=[422])
    detail: str = Field(description="What is wrong with this request.", examples=["There is no style 'starry_nigth'."])
    instance: str = Field(description="The request's id, as in `X-Request-ID`.", examples=["5f0c1d6d0a3c4f6f"])


class StyleLossEntry(BaseModel):
    """Mean balanced losses over photos that the training never saw."""

    style: float
    content: float


class StyleImageEntry(BaseModel):
    """What is known about a style image of one's own."""

    stage: Literal["encoded", "refining", "refined"] = Field(
        description="`encoded`: read from the image at once. `refining`: a job makes it better. `refined`: one has.",
        examples=["encoded"],
    )
    width: int = Field(description="Of the image as it was sent, in pixels.", examples=[1280])
    height: int = Field(examples=[960])
    thumbnail: str = Field(
        description="Path of the image, at most 512 pixels wide and high.",
        examples=["/v1/styles/style:0f3ac9d1b2e84765a0f3ac9d1b2e8476/thumbnail"],
    )
    refinement: str | None = Field(
        description="Path of the job that refines it, or did last.",
        examples=["/v1/jobs/019a7c3e-8f10-7b2a-9c44-5d1f0e6a7b88"],
    )
    created_at: datetime = Field(examples=["2026-01-05T10:00:00Z"])
    expires_at: datetime = Field(
        description="When it is deleted; later, if the image is sent again.", examples=["2026-01-12T10:00:00Z"]
    )


class StyleEntry(BaseModel):
    """A style that can be requested."""

    id: str = Field(examples=["starry_night"])
    title: str = Field(examples=["The Starry Night"])
    artist: str | None = Field(examples=["Vincent van Gogh"])
    year: int | None = Field(examples=[1889])
    licence: str | None = Field(examples=["Public domain"])
    kind: Literal["style", "texture", "image"] = Field(
        description="`style` stylizes the photo; `texture` takes nothing but the size from it; `image` is a style "
        "image of one's own, and stylizes as well.",
        examples=["style"],
    )
    model: str = Field(description="The model that has it, `name@version`.", examples=["compact@1"])
    preview: str | None = Field(description="Path of an example image.", examples=["/v1/styles/starry_night/preview"])
    losses: StyleLossEntry | None
    image: StyleImageEntry | None = Field(None, description="Of the kind `image` only.")


class StyleList(BaseModel):
    styles: list[StyleEntry]
    style_images: bool = Field(
        description="Whether the model takes style images of your own (`POST /v1/styles`); with `all`, whether the "
        "default model does."
    )


class StylesQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: Annotated[str | None, Field(max_length=100, examples=["compact"])] = Field(
        None, description="Only styles of this model, `name` or `name@version`; `all` is every model."
    )


class StylesListQuery(StylesQuery):
    all: bool = Field(False, examples=[True], description="The styles of every model, not of the default one only.")
    own: bool = Field(False, examples=[True], description="Your style images, newest first, and no model's styles.")
    search: Annotated[str | None, Field(max_length=100, examples=["monet"])] = Field(
        None, description="Only styles with these words in their id, title or artist, in any case, without accents."
    )


class StyleImageOptions(BaseModel):
    """The options of `POST /v1/styles`, the same in a query and in a form."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str | None = Field(
        None,
        description="A model whose style encoder reads the image: `name` or `name@version`. Without it, the service's "
        "first. The handle can be used with every model that has an encoder.",
        examples=["compact"],
        max_length=100,
    )
    refine: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Seconds that a job trains the style for, from what was read at once. The handle then stands for "
        "the better one, if it is one.",
        examples=[20],
    )


class RefinementOptions(BaseModel):
    """The options of `POST /v1/styles/{style_id}/refinement`."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: Annotated[str | None, Field(max_length=100, examples=["compact"])] = Field(
        None, description="The model to refine it for. Without it, the service's first."
    )
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False, examples=[20])] = Field(
        20, description="How long it is trained."
    )


class Live(BaseModel):
    status: Literal["live"] = "live"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"
    models: list[str] = Field(examples=[["compact@1"]])
    device: str = Field(examples=["cpu, 2 threads"])
    refused: dict[str, str] = Field(
        description="Active versions that could not be loaded, with the reason. Other versions are served instead.",
        examples=[{}],
    )
    workers: dict[str, int] | None = Field(
        description="Live worker processes by kind of job. Jobs of a kind without any are "
        "accepted, and wait. Null while the jobs' database does not answer; photos are stylized all the same.",
        examples=[{"gatys": 1, "refinement": 1, "stylize": 1, "training": 0, "video": 1}],
    )
