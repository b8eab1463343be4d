"""Regions: parts of a picture that are painted in another way than the rest. The route and the command share the
grammar.

Each region is painted as a whole picture would be, and its painting is laid over the rest in linear light. Mixing gamma
and beta per pixel, so that the network paints all regions in one pass, was tried: its norms then find the statistics of
all styles together, which suit none of them (`benchmarks/quality/regions.py` shows both).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from app.engine.stylizer import Blend
from app.errors import InvalidOption
from app.imaging.compose import Colour, compose, lay_part
from app.imaging.picture import Picture, Pixels
from app.imaging.polygon import Polygon

MAX_REGIONS = 8
# Of a polygon: the outline of a person drawn by hand has some hundred.
MAX_POINTS = 500
# All regions with as many points as they may have, in six digits each.
MAX_CHARACTERS = 65_536
FEATHER = 0.01
# Problems of a text that are told of.
SHOWN_PROBLEMS = 3

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class RegionFields(BaseModel):
    """One of the `regions`, as it is written. What is left out is as in the options of the whole picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    polygon: list[tuple[Fraction, Fraction]] | None = Field(
        None,
        min_length=3,
        max_length=MAX_POINTS,
        description="Where it is: x and y of each corner, in fractions of the picture's width and height.",
    )
    feather: float | None = Field(
        None,
        ge=0,
        le=0.5,
        allow_inf_nan=False,
        description="Width of the polygon's soft edge, in fractions of the picture's longer edge. "
        f"{FEATHER:g} if it is left out.",
    )
    mask: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="In place of a polygon: the file name of one of the form's `region_mask` images, which is white "
        "where the region is.",
    )
    styles: str | None = Field(None, max_length=2000, description="A style or a blend.")
    strength: float | None = Field(None, ge=0, le=1, allow_inf_nan=False, description="As the option.")
    color: Colour | None = Field(None, description="As the option.")

    @model_validator(mode="after")
    def has_one_area(self) -> RegionFields:
        if (self.polygon is None) == (self.mask is None):
            raise ValueError("has a `polygon` or a `mask`, and not both")
        if self.feather is not None and self.polygon is None:
            raise ValueError("has a `feather` with a `polygon` only: a mask has soft edges of its own")
        return self


_TEXT = TypeAdapter(Annotated[list[RegionFields], Field(max_length=MAX_REGIONS)])


# A polygon, or the name of a mask.
Area = Polygon | str


@dataclass(frozen=True)
class Manner:
    """How a picture, or a part of it, is painted: the options of a region."""

    blend: Blend
    strength: float
    color: Colour


@dataclass(frozen=True)
class Region:
    """Where a picture is painted in a manner of its own."""

    area: Area
    manner: Manner


def parse_regions(text: str) -> list[RegionFields]:
    """Of a JSON array. Raises InvalidOption."""
    try:
        json.loads(text, object_pairs_hook=each_once, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise InvalidOption("`regions` is not valid JSON.") from None
    try:
        return _TEXT.validate_json(text, strict=True)
    except ValidationError as error:
        sentences = [f"`{path_of(found['loc'])}` {sentence(found)}." for found in error.errors()[:SHOWN_PROBLEMS]]
        raise InvalidOption(" ".join(sentences)) from None


def each_once(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(members)) < len(members):
        raise InvalidOption("A member of a region is given twice.")
    return found


def no_number(name: str) -> NoReturn:
    raise InvalidOption(f"`regions` has {name}, which is not a JSON number.")


def path_of(places: Sequence[str | int]) -> str:
    """As it is written in most languages: `regions[0].polygon[3]`."""
    parts = (f"[{place}]" if isinstance(place, int) else f".{place[:40]}" for place in places)
    return "regions" + "".join(parts)


def sentence(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return "is no member of a region"
    message: str = problem["msg"]
    return message.removeprefix("Value error, ").removeprefix("Input ")


def read_regions(
    fields: Sequence[RegionFields], rest: Manner, blend_of: Callable[[str], Blend], masks: Mapping[str, str]
) -> tuple[Region, ...]:
    """What the fields say.

    Args:
        masks: names of the masks, by the names that the fields have for them.

    Raises:
        InvalidOption: and UnknownStyle below it, with the number of the `region`.
    """
    check_masks([each.mask for each in fields if each.mask is not None], masks)
    regions = []
    for place, each in enumerate(fields):
        with numbered(place):
            blend = rest.blend if each.styles is None else blend_of(each.styles)
        strength = rest.strength if each.strength is None else each.strength
        regions.append(Region(area_of(each, masks), Manner(blend, strength, each.color or rest.color)))
    return tuple(regions)


def check_masks(named: Sequence[str], masks: Collection[str]) -> None:
    """Raise InvalidOption unless every mask that is named is there, and named."""
    if missing := sorted(set(named) - set(masks)):
        # In ASCII and quotes: a client's words may hold anything that a terminal or a log would act on.
        raise InvalidOption(f"`regions` names the mask {missing[0]!a}, and no `region_mask` has that file name.")
    if unused := sorted(set(masks) - set(named)):
        raise InvalidOption(f"No region names the `region_mask` with the file name {unused[0]!a}.")


def area_of(fields: RegionFields, masks: Mapping[str, str]) -> Area:
    if fields.mask is not None:
        return masks[fields.mask]
    feather = FEATHER if fields.feather is None else fields.feather
    return Polygon(tuple(fields.polygon or ()), feather)


@contextmanager
def numbered(place: int) -> Iterator[None]:
    try:
        yield
    except InvalidOption as error:
        error.extra["region"] = place
        raise


def blends_of(rest: Manner, regions: Sequence[Region]) -> list[Blend]:
    """Those that are painted, each once: the passes of the network."""
    manners = [rest, *(region.manner for region in regions)]
    shown = {key_of(manner.blend): manner.blend for manner in manners if manner.strength > 0}
    return list(shown.values())


def key_of(blend: Blend) -> Hashable:
    return frozenset(blend.items())


class Paintings:
    """The network's output for one picture in several blends.

    Args:
        blends, painted: in the same order.
    """

    def __init__(self, blends: Sequence[Blend], painted: Sequence[Pixels]) -> None:
        self._painted = {key_of(blend): pixels for blend, pixels in zip(blends, painted, strict=True)}

    def changed(self, change: Callable[[list[Pixels]], list[Pixels]]) -> Paintings:
        """With what `change` makes of all of them, in the order of their blends."""
        others = Paintings((), ())
        others._painted = dict(zip(self._painted, change([*self._painted.values()]), strict=True))
        return others

    def in_blend(self, blend: Blend) -> Pixels:
        return self._painted[key_of(blend)]

    def of(self, content: Picture, manner: Manner, mask: Pixels | None = None) -> Picture:
        """`compose` with the painting in that blend."""
        painted = self.in_blend(manner.blend) if manner.strength > 0 else content.rgb
        return compose(content, painted, manner.color, manner.strength, mask)

    def composed(
        self,
        content: Picture,
        rest: Manner,
        regions: Sequence[Region],
        shares: Callable[[Area], Pixels],
        mask: Pixels | None = None,
    ) -> Picture:
        """The whole picture, with the content's size and alpha.

        Args:
            shares: of an area, (H, W) of the content's size, of 255.
            mask: the share of the strength of `rest`, as in `compose`.
        """
        whole = self.of(content, rest, mask)
        if not regions:
            return whole
        # A copy: it may be one of the pictures that the regions are made of.
        rgb, alpha = whole.rgb.copy(), whole.alpha
        del whole  # a large picture, whose memory the regions want
        for region in regions:
            lay_part(rgb, partial(self._rgb, content, region.manner), shares(region.area))
        return Picture(rgb, alpha)

    def _rgb(self, content: Picture, manner: Manner) -> Pixels:
        return self.of(content, manner).rgb
