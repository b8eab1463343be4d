"""The options of one request: read once, from a query or a form, and checked against what the service has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from app.api.http.negotiation import negotiate
from app.api.schemas import OptionFields, PaintingFields
from app.engine.blend import normalised, parse_weight, parse_weights
from app.engine.region import Manner, Region, RegionFields, read_regions
from app.engine.row import Row
from app.engine.stylizer import Blend, Stylizer
from app.errors import InvalidOption
from app.imaging.compose import Colour
from app.imaging.encode import FORMATS
from app.imaging.stroke import Stroke, largest_edge
from app.registry.manifest import Manifest
from app.registry.style_search import nearest
from app.serving.catalogue import Catalogue, nearest_names, quoted

Pairs = Sequence[tuple[str, str]]
Fields = TypeVar("Fields", bound=PaintingFields)


@dataclass(frozen=True)
class Options:
    """How to stylize a photo.

    Attributes:
        model: label of a loaded model, `name@version`.
        blend: style id or row -> weight; positive, summing to 1.
        strength: from 0, the photo, to 1, the full style.
        color: whose colours the result has, as `compose` takes it.
        stroke: size of the strokes, as `painted_size` takes it.
        size: longer edge of the result in pixels, None for the photo's own.
        format: a name in imaging's FORMATS.
        quality: 1 to 100.
        boldness: from 0 to 1, as `Repainting` has it.
        regions: parts that are painted in another way.
        asked_model: the option as it was sent.
        stylizer: the model's when the request came; a later swap does not affect the request.
    """

    model: str
    blend: Blend
    strength: float
    color: Colour
    stroke: Stroke
    size: int | None
    format: str
    quality: int
    stylizer: Stylizer = field(compare=False, repr=False)
    boldness: float = 0.0
    regions: tuple[Region, ...] = ()
    asked_model: str | None = field(default=None, compare=False, repr=False)

    @property
    def rest(self) -> Manner:
        """How the photo is painted where no region is."""
        return Manner(self.blend, self.strength, self.color)


@dataclass(frozen=True)
class GivenRegions:
    """What was sent of regions, and the names of the masks by those of their files."""

    fields: Sequence[RegionFields] = ()
    masks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GivenRows:
    """Styles that are none of the model's: of handles, and of the `style` images of a form in their order."""

    kept: Mapping[str, Row] = field(default_factory=dict)
    sent: Sequence[Row] = ()


NO_ROWS = GivenRows()
NO_REGIONS = GivenRegions()
# As pydantic would report it.
MISSING_STYLES: Mapping[str, Any] = MappingProxyType({"type": "missing", "loc": ("styles",)})


def read_fields(
    kind: type[Fields],
    pairs: Pairs,
    edge_pixels: int,
    network_pixels: int,
    images: int = 0,
    jobs_edge: int | None = None,
) -> Fields:
    """Names and values as they were sent, checked as far as they can be without a model.

    Args:
        kind: which options there are.
        edge_pixels, network_pixels: the longest edges of results and of what the network sees.
        images: how many style images came with them.
        jobs_edge: the longest edge of a job's result, where a job could be made of the request.

    Raises:
        InvalidOption.
    """
    check_names(kind, pairs)
    given = dict(pairs)
    missing = [MISSING_STYLES] if "styles" not in given and not images else []
    try:
        fields = kind.model_validate_strings(given)
    except ValidationError as error:
        raise invalid_options([*missing, *error.errors()]) from None
    if missing:
        raise invalid_options(missing)
    if fields.weights is not None and not images:
        raise InvalidOption("`weights` is for `style` images in a form; the weights of `styles` stand in it.")
    check_size(fields.size, fields.stroke, edge_pixels, network_pixels, jobs_edge)
    return fields


def read_options(
    fields: OptionFields,
    accept: str,
    catalogue: Catalogue,
    rows: GivenRows = NO_ROWS,
    regions: GivenRegions = NO_REGIONS,
) -> Options:
    """The options of one request.

    Args:
        accept: value of the `Accept` header, empty where there is none.
        rows: of the model that is asked for.

    Raises:
        InvalidOption: and UnknownStyle below it.
        NotAcceptable: no `format`, and `accept` allows none that can be written.
    """
    manifest = catalogue.model(fields.model)
    blend = MappingProxyType(whole_blend(fields, manifest, rows))
    rest = Manner(blend, fields.strength, fields.color)

    def blend_of(styles: str) -> Blend:
        return MappingProxyType(normalised(blend_weights(styles, manifest, rows.kept)))

    return Options(
        model=manifest.label,
        blend=blend,
        strength=fields.strength,
        boldness=fields.boldness,
        color=fields.color,
        stroke=fields.stroke,
        size=fields.size,
        format=fields.format or negotiate(accept, FORMATS),
        quality=fields.quality,
        regions=read_regions(regions.fields, rest, blend_of, regions.masks),
        asked_model=fields.model,
        stylizer=catalogue.stylizer(manifest),
    )


def whole_blend(fields: PaintingFields, manifest: Manifest, rows: GivenRows) -> dict[str | Row, float]:
    """Of `styles` and of the images that came with it. Raises UnknownStyle, InvalidOption."""
    weights = blend_weights(fields.styles, manifest, rows.kept) if fields.styles is not None else {}
    for row, weight in zip(rows.sent, weights_of_images(fields.weights, len(rows.sent)), strict=True):
        weights[row] = weights.get(row, 0.0) + weight  # the same image may come twice, or as its handle
    return normalised(weights)


def blend_weights(text: str, manifest: Manifest, kept: Mapping[str, Row]) -> dict[str | Row, float]:
    """`styles` as a client wrote it, with the rows of its handles. Raises UnknownStyle, InvalidOption."""
    known = [*manifest.style_ids, *kept]
    weights = parse_weights(text, known, lambda word: nearest(word, manifest.styles))
    return {kept.get(style, style): weight for style, weight in weights.items()}


def weights_of_images(text: str | None, images: int) -> list[float]:
    """Of the `style` images of a form, in their order. Raises InvalidOption."""
    if text is None:
        return [1.0] * images
    words = [word.strip() for word in text.split(",")]
    if len(words) != images:
        raise InvalidOption(f"`weights` has {len(words)} weights for {images} `style` images.")
    return [parse_weight(f"`style` image {place}", word) for place, word in enumerate(words, 1)]


def check_size(
    size: int | None, stroke: Stroke, edge_pixels: int, network_pixels: int, jobs_edge: int | None = None
) -> None:
    most = largest_edge(stroke, edge_pixels, network_pixels)
    if size is not None and size > most:
        why = f" with a `stroke` of {stroke:g}" if most < edge_pixels else ""
        later = jobs_edge is not None and size <= largest_edge(stroke, jobs_edge, jobs_edge)
        hint = " A job's may be larger: send `Prefer: respond-async`." if later else ""
        raise InvalidOption(f"`size` is at most {most} pixels here{why}.{hint}")


def merge(kind: type[PaintingFields], query: Pairs, form: Pairs) -> Pairs:
    """The options of a query and of a form together.

    Generated clients send every default in both, so an option may be in both if the values are equal, or if one of them
    is the default: the other one counts then. Raises InvalidOption.
    """
    check_names(kind, query)
    check_names(kind, form)
    merged = dict(query)
    for name, value in form:
        known = merged.get(name, value)
        if known != value and not (is_default(kind, name, known) or is_default(kind, name, value)):
            raise InvalidOption(f"`{name}` is {quoted(known)} in the query and {quoted(value)} in the form: send one.")
        merged[name] = known if is_default(kind, name, value) else value
    return list(merged.items())


def is_default(kind: type[PaintingFields], name: str, text: str) -> bool:
    """Whether the text means the option's default, such as `1` or `1.0`."""
    default = kind.model_fields[name].default
    if isinstance(default, bool):
        return text.lower() == str(default).lower()
    try:
        return bool(float(text) == default)
    except ValueError:
        return bool(text == default)


def check_names(kind: type[PaintingFields], pairs: Pairs) -> None:
    """Every name is known and given once: a misspelt option must not be ignored silently."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name not in kind.model_fields:
            raise InvalidOption(f"There is no option {quoted(name)}.", nearest=nearest_names(name, kind.model_fields))
        if name in seen:
            raise InvalidOption(f"`{name}` is given twice.")
        seen.add(name)


def invalid_options(errors: Sequence[Mapping[str, Any]]) -> InvalidOption:
    """One problem for all that pydantic found."""
    sentences = []
    for error in errors:
        name = str(error["loc"][-1]) if error["loc"] else "request"
        if error["type"] == "missing":
            sentences.append(f"`{name}` is missing.")
        elif error["type"] == "extra_forbidden":
            sentences.append(f"There is no option {quoted(name)}.")
        else:
            message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
            sentences.append(f"`{name}` {message}.")
    return InvalidOption(" ".join(sentences))
