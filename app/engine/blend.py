"""The grammar of a blend: `starry_night`, or `starry_night:0.7,great_wave:0.3`. The route and the command share it.

A style image is named by its handle, `style:` and 32 hex digits. No weight has as many digits, so
`style:0123456789abcdef0123456789abcdef:0.7` is not ambiguous.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

from app.errors import InvalidOption, UnknownStyle

Style = TypeVar("Style")

# Stricter than float(), which also takes nan, infinity, underscores and the digits of other scripts. So few digits
# that no sum overflows.
WEIGHT = re.compile(r"(\d{1,20}(\.\d{0,20})?|\.\d{1,20})(e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
HANDLE = re.compile(r"style:[0-9a-f]{32}")
# How much of an unknown word is quoted back; longer than any style id that one would type.
SHOWN_CHARACTERS = 64
MAX_NEAREST = 3


def parse_blend(
    text: str, known: Collection[str], nearest: Callable[[str], Sequence[str]] | None = None
) -> dict[str, float]:
    """Style id -> weight, in the order of `text`, above 0 and summing to 1. A style without a weight has 1.

    Args:
        known: ids of the styles that the model has.
        nearest: the ids that an unknown word may mean; without it, those that are spelled like it.

    Raises:
        UnknownStyle: with the ids that look like the unknown one as `nearest`, the best first.
        InvalidOption: for anything else that is not a blend.
    """
    return normalised(parse_weights(text, known, nearest))


def parse_weights(
    text: str, known: Collection[str], nearest: Callable[[str], Sequence[str]] | None = None
) -> dict[str, float]:
    """Like `parse_blend`, but with the weights as written."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        style, weight = split(part)
        check_style(style, known, nearest or partial(spelled_like, known=known))
        if style in weights:
            raise InvalidOption(f"The style {style} is given twice.")
        weights[style] = 1.0 if weight is None else parse_weight(style, weight)
    return weights


def normalised(weights: Mapping[Style, float]) -> dict[Style, float]:
    """The weights, scaled to sum to 1."""
    # Exact, so that the order in which they are given changes nothing.
    total = math.fsum(weights.values())
    return {style: weight / total for style, weight in weights.items()}


def between(start: Mapping[Style, float], end: Mapping[Style, float], share: float) -> dict[Style, float]:
    """The blend on the straight way from one to another; `share` is 0 at the start and 1 at the end."""
    weights = {style: (1 - share) * weight for style, weight in start.items()}
    for style, weight in end.items():
        weights[style] = weights.get(style, 0.0) + share * weight
    return normalised({style: weight for style, weight in weights.items() if weight > 0})


def split(part: str) -> tuple[str, str | None]:
    """The style and its weight, as written; the weight is None if there is no colon."""
    part = part.strip()
    handle = HANDLE.match(part)
    named = len(handle[0]) if handle else 0
    name, colon, weight = part[named:].partition(":")
    return (part[:named] + name).strip(), weight.strip() if colon else None


def handles_in(text: str) -> list[str]:
    """The handles in a blend, which may be invalid otherwise."""
    styles = [split(part)[0] for part in text.split(",")]
    return [style for style in styles if HANDLE.fullmatch(style)]


def check_style(style: str, known: Collection[str], nearest: Callable[[str], Sequence[str]]) -> None:
    if not style:
        raise InvalidOption("A style is missing; a blend looks like starry_night:0.7,great_wave:0.3.")
    if style not in known:
        shown = style[:SHOWN_CHARACTERS]
        meant = list(nearest(shown))
        hint = f"; the nearest is {meant[0]}" if meant else ""
        # As ASCII in quotes: a client's words may hold anything that a terminal or a log would act on.
        raise UnknownStyle(f"There is no style {shown!a}{hint}.", nearest=meant)


def spelled_like(word: str, known: Collection[str]) -> list[str]:
    return get_close_matches(word.lower(), sorted(known), MAX_NEAREST)


def parse_weight(style: str, text: str) -> float:
    weight = float(text) if WEIGHT.fullmatch(text) else 0.0
    if not weight > 0:
        raise InvalidOption(f"The weight of {style} must be a number above 0, such as 0.7.")
    return weight
