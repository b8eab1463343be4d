"""Colours of an embedded ICC profile, converted to sRGB."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
COLOUR_SPACES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}

# NOCACHE makes a transform safe to share between threads (lcms2's documentation).
FLAGS = ImageCms.Flags.NOCACHE | ImageCms.Flags.BLACKPOINTCOMPENSATION

# What Pillow's lcms2 raises on an unusable profile.
PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)

# Most bytes of cached transforms. Phones and editors use about a dozen profiles, which are small except for those of
# printers. lcms2 keeps the profile, and tables of 33 nodes per axis (23 for CMYK).
KEPT_BYTES = 16_000_000
TABLE_BYTES = {"L": 10_000, "RGB": 500_000, "CMYK": 2_500_000}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` (L, RGB or CMYK) in sRGB, as RGB. A profile that is broken or for other channels is ignored."""
    transform = TRANSFORMS.get(profile, image.mode) if profile else None
    if transform is None:
        return image.convert("RGB")
    if image.mode == "L" and transform.input_mode == "RGB":
        image = image.convert("RGB")
    return transform.apply(image)


class Transforms:
    """The most recently used transforms, up to a number of bytes; the keys are hashes of profiles."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[bytes, str], tuple[ImageCms.ImageCmsTransform | None, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def get(self, profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
        """The transform from `profile` for images of `mode`; None if it is unusable or changes nothing."""
        key = hashlib.sha256(profile).digest(), mode
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        transform = _transform(profile, mode)
        self._keep(key, transform, 200 if transform is None else len(profile) + TABLE_BYTES[mode])
        return transform

    def _keep(self, key: tuple[bytes, str], transform: ImageCms.ImageCmsTransform | None, size: int) -> None:
        with self._lock:
            if key in self._kept:  # another thread was faster
                return
            self._kept[key] = transform, size
            self.bytes += size
            while self.bytes > self._max_bytes:
                _, (_, dropped) = self._kept.popitem(last=False)
                self.bytes -= dropped


TRANSFORMS = Transforms(KEPT_BYTES)


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        channels = COLOUR_SPACES.get(source.profile.xcolor_space)
        if channels is None or (channels != mode and (mode, channels) != ("L", "RGB")):
            return None
        transform = ImageCms.buildTransform(source, SRGB, channels, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, FLAGS)
    except PROFILE_ERRORS:
        return None
    return None if channels == "RGB" and _is_identity(transform) else transform


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether no colour of a grid changes by more than 1. Most profiles are sRGB itself."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
    moved = np.asarray(transform.apply(Image.fromarray(grid)))
    return bool(np.abs(moved.astype(np.int16) - grid).max() <= 1)
