"""Previews: one photo in every style, as files of a version."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.training.sheet import paint_sample, to_image

PREVIEW_EDGE = 384
PREVIEW_QUALITY = 88


def preview_name(style: str) -> str:
    return f"previews/{style}.jpg"


def draw_previews(
    generator: Generator, rows: StyleRows, styles: Sequence[str], photo: Tensor | None
) -> dict[str, bytes]:
    """JPEG files by name, of the photo (1, 3, H, W) in each of `rows`; none without a photo."""
    if photo is None:
        return {}
    return {
        preview_name(style): to_jpeg(to_image(paint_sample(generator, rows, photo, row)))
        for row, style in enumerate(styles)
    }


def to_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=PREVIEW_QUALITY)
    return buffer.getvalue()
