"""The photos of a training: those that it learns from, and those that it is judged by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from app.model_builds.sample_photos import SAMPLE_PHOTOS
from app.training.inspection import MIN_PHOTOS, inspect_photos
from app.training.photos import Photos, read_picture
from app.training.recipe import Schedule
from app.training.synthetic import BuiltInPictures

JUDGED_PICTURES = 3
# Longer edge in pixels: most of Gatys' time goes with its square.
JUDGED_EDGE = 256
# Salts the draw of built-in pictures that are judged: no retreat gets so far.
UNSEEN_SALT = 2_000_000


@dataclass(frozen=True)
class Pictures:
    """What a training sees, and which photos it does not see; none where it learns on built-in pictures."""

    seen: Photos
    unseen: tuple[Path, ...]

    def shown(self) -> list[Tensor]:
        """(1, 3, H, W) each, for people to look at: photographs always."""
        return [read_picture(path, JUDGED_EDGE) for path in (self.unseen or SAMPLE_PHOTOS)[:JUDGED_PICTURES]]

    def judged(self) -> list[Tensor]:
        """(1, 3, H, W) each, which the training does not see."""
        if self.unseen:
            return [read_picture(path, JUDGED_EDGE) for path in self.unseen[:JUDGED_PICTURES]]
        built_in = self.seen if isinstance(self.seen, BuiltInPictures) else BuiltInPictures(1, self.seen.recipe)
        return [built_in.sample(step, UNSEEN_SALT).photos[:1] for step in range(JUDGED_PICTURES)]


def gather(folder: Path | None, exclude: Collection[str], styles: int, recipe: Schedule) -> Pictures:
    """The photos of a folder, some of them kept out of the training; built-in pictures without a folder.

    Args:
        exclude: file names that are kept out; some others are where these are too few to judge by.

    Raises:
        UnusablePhotos: there are too few in the folder.
    """
    if folder is None:
        return Pictures(BuiltInPictures(styles, recipe), ())
    photos = inspect_photos(folder, fewest=MIN_PHOTOS + JUDGED_PICTURES).usable
    unseen = tuple(path for path in photos if path.name in set(exclude))
    others = tuple(path for path in photos if path not in set(unseen))
    unseen += spread(others, max(0, JUDGED_PICTURES - len(unseen)))
    return Pictures(Photos(tuple(path for path in photos if path not in set(unseen)), styles, recipe), unseen)


def spread(photos: Sequence[Path], count: int = JUDGED_PICTURES) -> tuple[Path, ...]:
    """So many photos from all over the folder, the same ones every time."""
    return tuple(photos[place * len(photos) // count] for place in range(count))
