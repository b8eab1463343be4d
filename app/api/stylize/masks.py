"""The masks of a form: of the photo, and of regions, which name them by their file names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from app.api.http.multipart import Parts
from app.errors import EmptyBody, InvalidOption

MASK_FIELD = "mask"
REGION_MASK_FIELD = "region_mask"
# Longest part of a file name that is quoted back.
SHOWN_CHARACTERS = 64
NO_MASKS: Mapping[str, bytes] = MappingProxyType({})
NO_NAMES: Mapping[str, str] = MappingProxyType({})


def masks_in(form: Parts) -> dict[str, bytes]:
    """Encoded images by their names here; a region's is called by its number. Raises EmptyBody."""
    found = {numbered_mask(place): data for place, data in enumerate(form.pictures[REGION_MASK_FIELD])}
    if form.pictures[MASK_FIELD]:
        [found[MASK_FIELD]] = form.pictures[MASK_FIELD]
    for name, data in found.items():
        if not data:
            raise EmptyBody(f"The {name} is empty.", picture=name)
    return found


def names_by_files(form: Parts) -> dict[str, str]:
    """The names of the regions' masks by those of their files. Raises InvalidOption: two have the same one."""
    names: dict[str, str] = {}
    for place, filename in enumerate(form.filenames[REGION_MASK_FIELD]):
        if filename in names:
            raise InvalidOption(f"Two `{REGION_MASK_FIELD}` have the file name {filename[:SHOWN_CHARACTERS]!a}.")
        names[filename] = numbered_mask(place)
    return names


def numbered_mask(place: int) -> str:
    return f"{REGION_MASK_FIELD}-{place}"
