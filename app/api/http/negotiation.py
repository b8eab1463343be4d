"""Which image format the client prefers: `Accept` with its q-values (RFC 9110, sections 12.4.2 and 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import NotAcceptable

DEFAULT_FORMAT = "jpeg"
# Between formats that the client likes equally: the default, then the smaller file for the same processor time.
PREFERENCE = (DEFAULT_FORMAT, "webp", "png", "avif")
# What clients call a format that has another name.
ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}
QVALUE = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MEDIA_RANGE = re.compile(rf"{TOKEN}/{TOKEN}", re.ASCII)


@dataclass(frozen=True)
class MediaRange:
    """One member of `Accept`: lower-case `type/subtype`, either of them possibly `*`, and its weight."""

    name: str
    q: float

    def specificity(self, media_type: str) -> int:
        """How closely it names the media type: 3 exactly, 2 by `type/*`, 1 by `*/*`, 0 not at all."""
        if self.name == media_type:
            return 3
        if self.name == media_type.partition("/")[0] + "/*":
            return 2
        return 1 if self.name == "*/*" else 0


def negotiate(accept: str, formats: Mapping[str, str]) -> str:
    """The name of the format to write.

    Args:
        accept: the header's value, empty where there is none.
        formats: name -> media type of what can be written.

    Raises:
        NotAcceptable: if the header rules all of them out.
    """
    ranges = parse_accept(accept)
    if not ranges:
        return DEFAULT_FORMAT
    ranked = []
    for rank, name in enumerate(sorted(formats, key=PREFERENCE.index)):
        closest = max(ranges, key=lambda r: (r.specificity(formats[name]), r.q))
        specificity = closest.specificity(formats[name])
        if specificity and closest.q > 0:
            # Of equal weights, the most specific one wins.
            ranked.append((closest.q, specificity, -rank, name))
    if not ranked:
        written = ", ".join(formats.values())
        raise NotAcceptable(f"`Accept` allows none of the formats that can be written: {written}.")
    return max(ranked)[-1]


def parse_accept(accept: str) -> list[MediaRange]:
    """The well-formed members; others are passed over, as the RFC permits for the whole header."""
    parsed = (parse_range(member) for member in accept.split(","))
    return [member for member in parsed if member is not None]


def parse_range(member: str) -> MediaRange | None:
    name, *parameters = (part.strip() for part in member.lower().split(";"))
    if not MEDIA_RANGE.fullmatch(name):
        return None
    name = ALIASES.get(name, name)
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            value = value.strip()
            return MediaRange(name, float(value)) if QVALUE.fullmatch(value) else None
    return MediaRange(name, 1.0)
