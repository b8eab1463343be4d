"""Previews: one photo in every style, as files of a version."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from app.model_builds.sample_photos import SAMPLE_PHOTOS
from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.training.photos import read_picture
from app.training.sheet import paint_sample, to_image

# Longer edge in pixels.
PREVIEW_EDGE = 384
PREVIEW_QUALITY = 88


def preview_name(style: str) -> str:
    return f"previews/{style}.jpg"


def preview_photo(path: Path | None = None) -> Tensor:
    """The photo for previews, (1, 3, H, W) in 0..1: this one, or one that ships. Raises UnreadablePicture."""
    return read_picture(path or SAMPLE_PHOTOS[0], PREVIEW_EDGE)


def draw_previews(generator: Generator, rows: StyleRows, styles: Sequence[str], photo: Tensor) -> dict[str, bytes]:
    """JPEG files by name, of the photo (1, 3, H, W) in each of `rows`."""
    return {
        preview_name(style): to_jpeg(to_image(paint_sample(generator, rows, photo, row)))
        for row, style in enumerate(styles)
    }


def to_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=PREVIEW_QUALITY)
    return buffer.getvalue()
