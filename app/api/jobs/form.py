"""The options of `POST /v1/jobs`: read from the fields of its form, and checked against what the service has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.api.stylize.options import NO_ROWS, Pairs, blend_weights, invalid_options
from app.api.stylize.upload import STYLE_FIELD
from app.engine.blend import normalised, parse_weight
from app.engine.row import Row
from app.errors import InvalidOption
from app.gatys.options import GatysOptions
from app.imaging.encode import FORMATS, format_named
from app.jobs.blend_params import packed
from app.jobs.gatys import GatysParams, GatysStart
from app.serving.catalogue import Catalogue, nearest_names, quoted

CONTENT_FIELD = "content"
MAX_PRIORITY = 10
LAYERS = ("style_layers", "content_layers")


class JobFields(BaseModel):
    """What every job has; the method's own options come beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    method: Literal["gatys"] = Field("gatys", description="The method.", examples=["gatys"])
    weights: str | None = Field(
        None,
        description="Weights of the `style` images in their order, separated by commas; they are divided by their sum. "
        "Without it, all weigh the same.",
        examples=["0.7,0.3"],
        max_length=500,
    )
    styles: str | None = Field(
        None,
        description="With `start=picture`: the styles with which a generator makes the image to start from, as in "
        "`POST /v1/stylize`.",
        examples=["starry_night:0.7,great_wave:0.3"],
        max_length=2000,
    )
    model: str | None = Field(
        None, description="The generator for `styles`. Without it, the service's first.", examples=["compact"]
    )
    priority: int = Field(
        0,
        ge=-MAX_PRIORITY,
        le=MAX_PRIORITY,
        description="Jobs of a higher priority are run first.",
        examples=[5],
    )
    format: str = Field(
        "jpeg", description="Format of the result.", examples=["png"], json_schema_extra={"enum": list(FORMATS)}
    )
    quality: int = Field(90, ge=1, le=100, description="Quality of the encoder; PNG ignores it.", examples=[90])

    @field_validator("format")
    @classmethod
    def can_be_written(cls, value: str) -> str:
        if (format := format_named(value)) is None:
            raise ValueError(f"must be one of {', '.join(FORMATS)}")
        return format


NAMES = (*JobFields.model_fields, *GatysOptions.model_fields)


def read_job_form(
    pairs: Pairs, style_pictures: int, catalogue: Catalogue, edge_pixels: int, kept: Mapping[str, Row] = NO_ROWS.kept
) -> tuple[GatysParams, int]:
    """Parameters of the job, and its priority.

    Args:
        pairs: names and values as they were sent.
        style_pictures: how many came with them.
        edge_pixels: the largest `size` that is allowed.
        kept: the rows of handles in `styles`.

    Raises:
        InvalidOption: and UnknownStyle below it.
    """
    given = distinct(pairs)
    try:
        fields = JobFields.model_validate_strings({name: given[name] for name in JobFields.model_fields.keys() & given})
        options = GatysOptions.model_validate(gatys_values(given, edge_pixels))
    except ValidationError as error:
        # Of a layer's weight, the option that has it is named.
        raise invalid_options([{**found, "loc": found["loc"][:1]} for found in error.errors()]) from None
    params = GatysParams(
        options=options,
        weights=read_weights(fields.weights, style_pictures),
        start=read_start(fields, options, catalogue, kept),
        format=fields.format,
        quality=fields.quality,
    )
    return params, fields.priority


def distinct(pairs: Pairs) -> dict[str, str]:
    """Every name known and there once."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in NAMES:
            raise InvalidOption(f"There is no option {quoted(name)}.", nearest=nearest_names(name, NAMES))
        if name in given:
            raise InvalidOption(f"`{name}` is given twice.")
        given[name] = value
    return given


def gatys_values(given: Mapping[str, str], edge_pixels: int) -> dict[str, Any]:
    """The method's options as its model takes them."""
    values: dict[str, Any] = {name: given[name] for name in GatysOptions.model_fields.keys() & given}
    for name in LAYERS:
        if name in values:
            values[name] = read_layers(name, given[name])
    size = values.get("size", "")
    if size.isdecimal() and int(size[:9]) > edge_pixels:
        raise InvalidOption(f"`size` is at most {edge_pixels} pixels here.")
    values.setdefault("size", min(GatysOptions.model_fields["size"].default, edge_pixels))
    return values


def read_layers(name: str, text: str) -> dict[str, str]:
    """`relu1_1:0.5,relu2_1`: layer -> weight, 1 where there is none. The model checks both."""
    layers: dict[str, str] = {}
    for part in text.split(","):
        layer, colon, weight = (piece.strip() for piece in part.partition(":"))
        if layer in layers:
            raise InvalidOption(f"`{name}` names a layer twice.")
        layers[layer] = weight if colon else "1"
    return layers


def read_weights(text: str | None, style_pictures: int) -> list[float]:
    """One for each style image, summing to 1."""
    if text is None:
        return [1 / style_pictures] * style_pictures
    words = [word.strip() for word in text.split(",")]
    if len(words) != style_pictures:
        raise InvalidOption(f"`weights` has {len(words)} numbers for {style_pictures} `{STYLE_FIELD}` images.")
    weights = [parse_weight(f"`{STYLE_FIELD}` {index}", word) for index, word in enumerate(words, start=1)]
    return [weight / sum(weights) for weight in weights]


def read_start(
    fields: JobFields, options: GatysOptions, catalogue: Catalogue, kept: Mapping[str, Row]
) -> GatysStart | None:
    if options.start != "picture":
        if fields.styles is not None or fields.model is not None:
            raise InvalidOption("`styles` and `model` need `start=picture`.")
        return None
    if fields.styles is None:
        raise InvalidOption("`start=picture` needs `styles`, with which a generator makes the image to start from.")
    manifest = catalogue.model(fields.model)
    blend = normalised(blend_weights(fields.styles, manifest, kept))
    return GatysStart(model=manifest.label, **packed(blend))
