"""Inspecting a folder of photos before a long training: are there enough that are readable and large enough?"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from app.training.photos import FORMATS, PILLOW_ERRORS, SUFFIXES, NoPhotos, UnreadablePicture, open_rgb

# With fewer photos, a style overfits to their content.
MIN_PHOTOS = 8
# Shorter side in pixels: smaller photos would be enlarged and blurred.
SMALLEST_SIDE = 128
# Number of photos that are read to the end. Reading all would take minutes, and broken ones are skipped later.
READ_WHOLE = 32
BROKEN_SHARE = 0.5


class UnusablePhotos(NoPhotos):
    """The folder of photos cannot be used; the message says what it lacks."""


@dataclass(frozen=True)
class Inspection:
    """The photos in a folder.

    Attributes:
        usable: usable photos by name, without excluded ones.
        broken: file names of those that are no images, or are cut off.
        small: file names of photos with a side shorter than `SMALLEST_SIDE`.
    """

    usable: tuple[Path, ...]
    broken: tuple[str, ...]
    small: tuple[str, ...]


def inspect_photos(folder: Path, exclude: Collection[str] = (), *, fewest: int = MIN_PHOTOS) -> Inspection:
    """Read the headers of all images directly in `folder`, and some images to the end.

    Args:
        exclude: file names to leave out.
        fewest: least number of usable photos.

    Raises:
        UnusablePhotos: there are too few, or most of those that were read are broken.
    """
    excluded = set(exclude)
    paths = [path for path in list_folder(folder) if path.name not in excluded]
    sides = {path: shorter_side(path) for path in paths}
    small = [path for path, side in sides.items() if 0 < side < SMALLEST_SIDE]
    usable = [path for path, side in sides.items() if side >= SMALLEST_SIDE]
    tried = usable[:: max(1, len(usable) // READ_WHOLE)]
    cut_off = [path for path in tried if not readable(path)]
    usable = [path for path in usable if path not in cut_off]
    broken = [*(path for path, side in sides.items() if side == 0), *cut_off]
    if len(cut_off) > BROKEN_SHARE * len(tried):
        raise UnusablePhotos(f"{len(cut_off)} of {len(tried)} photos in {folder} break off in the middle.")
    if len(usable) < fewest:
        raise UnusablePhotos(
            f"There are {len(usable)} photos to train on in {folder}, and {fewest} are needed: JPEG, PNG or WebP with "
            f"a shorter side of {SMALLEST_SIDE} px or more. {len(broken)} cannot be read, {len(small)} are smaller."
        )
    return Inspection(tuple(usable), tuple(p.name for p in broken), tuple(p.name for p in small))


def list_folder(folder: Path) -> list[Path]:
    """Files with the extension of an image, sorted by name. Raises UnusablePhotos."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file())
    except OSError as error:
        raise UnusablePhotos(f"The folder of photos {folder} cannot be read: {error.strerror}.") from error
    return [folder / name for name in names if Path(name).suffix.lower() in SUFFIXES]


def shorter_side(path: Path) -> int:
    """The shorter side in pixels, from the header; 0 if it is no image."""
    try:
        with Image.open(path, formats=FORMATS) as opened:
            return min(opened.size)
    except PILLOW_ERRORS:
        return 0


def readable(path: Path) -> bool:
    try:
        open_rgb(path)
    except UnreadablePicture:
        return False
    return True
