"""The photos of a training: random crops and flips for each step.

A step's photos depend on the seed and the step alone. A training that is resumed therefore sees the same photos as
without the interruption, and several processes can share a batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
import torch
from PIL import Image
from torch import Tensor

from app.errors import PasticheError
from app.imaging.decode import decode
from app.imaging.encode import on_white
from app.training.recipe import Schedule

_log = structlog.get_logger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
# What Pillow raises on broken files of various formats.
PILLOW_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
# The operator's own files, decoded one at a time and at full size, may be larger than those of clients.
MAX_MEGAPIXELS = 178.0  # beyond it, Pillow warns of a decompression bomb
MAX_BYTES = 4_000_000_000
# Most broken photos in a row; with more, something is wrong, and the rest should not be trained on.
BROKEN_IN_A_ROW = 20


class NoPhotos(Exception):
    """The folder has no usable photo."""


class UnreadablePicture(Exception):
    """A file is no image, or is cut off; the message names it."""


@dataclass(frozen=True)
class Sample:
    """The photos of one step.

    Attributes:
        photos: (P, 3, crop, crop) in 0..1.
        styles: (P * K,), the K styles of each photo in turn.
    """

    photos: Tensor
    styles: Tensor

    @property
    def repeated(self) -> Tensor:
        """A photo for each of the styles: (P * K, 3, crop, crop)."""
        return self.photos.repeat_interleave(len(self.styles) // len(self.photos), dim=0)


def list_photos(folder: Path, exclude: Collection[str] = ()) -> tuple[Path, ...]:
    """Usable photos directly in `folder`, sorted by name, without the file names in `exclude`.

    Raises:
        NoPhotos: none is left.
    """
    excluded = set(exclude)
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name not in excluded)
    if not (usable := usable_pictures(found)):
        raise NoPhotos(f"There is no JPEG, PNG or WebP photo to train on in {folder}.")
    return usable


def usable_pictures(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files with the header of an image; others are logged.

    Reading all of a large folder would take minutes. Photos that are cut off are noticed when they are drawn.
    """
    usable = []
    for path in paths:
        try:
            with Image.open(path, formats=FORMATS):
                usable.append(path)
        except PILLOW_ERRORS:
            _log.warning("photo_left_out", path=str(path))
    return tuple(usable)


class Photos:
    """Random crops of photos, by step.

    Args:
        shares: relative frequencies of the styles; by default, all are drawn equally often.
    """

    def __init__(
        self, paths: tuple[Path, ...], styles: int, recipe: Schedule, shares: Sequence[float] | None = None
    ) -> None:
        self.paths = paths
        self.styles = styles
        self.recipe = recipe
        self.odds = np.array(shares) / sum(shares) if shares and len(set(shares)) > 1 else None
        self.broken: set[Path] = set()

    @property
    def about(self) -> str:
        """A description of the photos, for the card."""
        return f"{len(self.paths)} photos"

    def sample(self, step: int, salt: int = 0, rank: int = 0, processes: int = 1) -> Sample:
        """The photos of one step: the share of the recipe's batch of process `rank` of `processes`."""
        places = range(rank, self.recipe.batch // self.recipe.styles_per_photo, processes)
        drawn = [self.draw(np.random.default_rng((self.recipe.seed, salt, step, place))) for place in places]
        return Sample(
            torch.stack([photo for photo, _ in drawn]), torch.tensor([s for _, styles in drawn for s in styles])
        )

    def draw_styles(self, rng: np.random.Generator) -> list[int]:
        """Styles for one photo, all different if there are enough."""
        count = self.recipe.styles_per_photo
        if count == 1 and self.odds is None:
            return [int(rng.integers(self.styles))]
        return [int(s) for s in rng.choice(self.styles, count, replace=count > self.styles, p=self.odds)]

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, list[int]]:
        """A photo (3, crop, crop) and its styles."""
        styles = self.draw_styles(rng)
        if self.recipe.plain and rng.random() < self.recipe.plain:
            return to_tensor(plain(rng, self.recipe.crop)), styles
        photo = self.draw_photo(rng)
        crop = self.recipe.crop
        low, high = np.log(self.recipe.zoom)
        side = min(crop / float(np.exp(rng.uniform(low, high))), *photo.size)
        left, top = rng.uniform(0, photo.width - side), rng.uniform(0, photo.height - side)
        box = (left, top, left + side, top + side)
        # Pillow averages when it reduces: no aliasing, which the network would learn.
        cut = photo.resize((crop, crop), Image.Resampling.BICUBIC, box)
        pixels = np.asarray(cut)
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
        return to_tensor(pixels), styles

    def draw_photo(self, rng: np.random.Generator) -> Image.Image:
        """Draw until a photo can be read: a broken one must not end a training that has run for hours."""
        for _ in range(BROKEN_IN_A_ROW):
            path = self.paths[rng.integers(len(self.paths))]
            try:
                return open_rgb(path)
            except UnreadablePicture:
                if path not in self.broken:
                    self.broken.add(path)
                    _log.warning("photo_broken", path=str(path))
        raise NoPhotos(f"{BROKEN_IN_A_ROW} photos in a row could not be read, the last one {path}.")

    def stream(self, start: int, salt: int = 0, rank: int = 0, processes: int = 1) -> Iterator[Sample]:
        """The samples of step `start` and all later ones, read one step ahead in a thread."""
        with ThreadPoolExecutor(1, "photos") as pool:
            ahead = pool.submit(self.sample, start, salt, rank, processes)
            for step in range(start + 1, self.recipe.steps + 1):
                ready, ahead = ahead, pool.submit(self.sample, step, salt, rank, processes)
                yield ready.result()


def plain(rng: np.random.Generator, edge: int) -> np.ndarray:
    """A flat photo (edge, edge, 3) uint8, such as a sky or a wall: one colour or a faint gradient, and camera noise.

    Every second one has up to three flat shapes of one colour in front: photos alone teach little about halos at edges.
    """
    slope = rng.normal(0, 0.05, (2, 1, 1, 3)) * (rng.random() < 0.5)
    y, x = np.mgrid[-1 : 1 : edge * 1j, -1 : 1 : edge * 1j, 0:1][:2]  # (edge, edge, 1)
    pixels = rng.uniform(0, 1, 3) + slope[0] * y + slope[1] * x
    colour = rng.uniform(0, 1, 3)
    for _ in range(rng.integers(1, 4) if rng.random() < 0.5 else 0):
        pixels = np.where(inside_shape(rng, y, x), colour, pixels)
    noisy = pixels + rng.normal(0, rng.uniform(0, 3 / 255), pixels.shape)
    return np.asarray(np.clip(np.round(noisy * 255), 0, 255).astype(np.uint8))


def inside_shape(rng: np.random.Generator, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Which positions y, x in -1..1 a random disc or bar covers."""
    angle, reach = rng.uniform(0, np.pi), rng.uniform(0.1, 0.7)
    top, left = rng.uniform(-1, 1, 2)
    along = (y - top) * np.cos(angle) + (x - left) * np.sin(angle)
    across = (x - left) * np.cos(angle) - (y - top) * np.sin(angle)
    if rng.random() < 0.5:
        return np.asarray(along**2 + across**2 < reach**2)
    return np.asarray((np.abs(along) < reach) & (np.abs(across) < reach * rng.uniform(0.1, 1)))


def open_rgb(path: Path) -> Image.Image:
    """Decode an image file as the routes do: upright, in sRGB, transparency on white.

    Raises:
        UnreadablePicture: it is no readable image.
    """
    try:
        picture = decode(path.read_bytes(), MAX_MEGAPIXELS, max_bytes=MAX_BYTES)
    except (OSError, PasticheError) as error:
        raise UnreadablePicture(f"{path} cannot be read as a picture.") from error
    return Image.fromarray(picture.rgb if picture.alpha is None else on_white(picture.rgb, picture.alpha))


def to_tensor(pixels: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255


def read_picture(path: Path, longer_edge: int) -> Tensor:
    """An image file as (1, 3, H, W) in 0..1, scaled to the longer edge in pixels. Raises UnreadablePicture."""
    picture = open_rgb(path)
    scale = longer_edge / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return to_tensor(np.asarray(picture.resize(size, Image.Resampling.LANCZOS)))[None]
