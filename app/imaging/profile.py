"""From the colours of an embedded ICC profile to sRGB."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
COLOUR_SPACES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}

# NOCACHE makes a transform safe to share between threads (lcms2's documentation).
FLAGS = ImageCms.Flags.NOCACHE | ImageCms.Flags.BLACKPOINTCOMPENSATION

# What lcms2 through Pillow raises on a profile that it cannot use.
PROFILE_ERRORS = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """`image` (L, RGB or CMYK) in sRGB, as RGB. A profile that is broken or of other channels is ignored."""
    transform = _transform(profile, image.mode) if profile else None
    if transform is None:
        return image.convert("RGB")
    if image.mode == "L" and transform.input_mode == "RGB":
        image = image.convert("RGB")
    return transform.apply(image)


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from `profile` for pictures of `mode`; None where it is unusable or changes nothing."""
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
    """Whether no colour of a grid moves by more than 1. Most profiles are sRGB itself."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(64, 64, 3)
    moved = np.asarray(transform.apply(Image.fromarray(grid)))
    return bool(np.abs(moved.astype(np.int16) - grid).max() <= 1)
