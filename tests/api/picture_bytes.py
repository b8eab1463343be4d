"""Pictures for requests, and what came back as pixels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encoded(pixels: NDArray[Any], format: str = "png") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def pixels(data: bytes) -> NDArray[np.uint8]:
    """(H, W) or (H, W, channels), as stored."""
    return np.array(Image.open(io.BytesIO(data)))


def waves(width=96, height=72):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([2 * x, 3 * y, (x * y) % 256], axis=2).astype(np.uint8)
