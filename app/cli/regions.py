"""The regions of `pastiche stylize`, in a file as the route takes them, with masks beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.blend import parse_blend
from app.engine.region import Manner, Region, RegionFields, parse_regions, read_regions
from app.errors import InvalidOption


@dataclass(frozen=True)
class GivenRegions:
    """What the file says, and the masks by the names that it has for them."""

    fields: Sequence[RegionFields] = ()
    masks: Mapping[str, bytes] = field(default_factory=dict)

    def regions(self, rest: Manner, style_ids: Collection[str]) -> tuple[Region, ...]:
        """Raises UnknownStyle, InvalidOption."""
        names = {name: name for name in self.masks}
        return read_regions(self.fields, rest, lambda styles: parse_blend(styles, style_ids), names)


NO_REGIONS = GivenRegions()


def read_regions_file(path: Path) -> GivenRegions:
    """Raises InvalidOption."""
    try:
        text = read_part("--regions", path).decode()
    except UnicodeDecodeError as error:
        raise InvalidOption(f"--regions {path}: not UTF-8 text") from error
    fields = parse_regions(text)
    names = {each.mask for each in fields if each.mask is not None}
    return GivenRegions(fields, {name: read_part(f"--regions {path}:", path.parent / name) for name in names})


def read_part(option: str, path: Path) -> bytes:
    """A file that the option names. Raises InvalidOption."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidOption(f"{option} {path}: {error.strerror or error}") from error
