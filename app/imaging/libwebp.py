"""libwebp's own decoder, which can reduce an image while decoding; Pillow always decodes the whole canvas.

It is the library that Pillow bundles or was built with, called by the stable interface of `webp/decode.h` (version 2).
A canvas of 16,383 x 2,441 takes 160 MB instead of 610 if lossless, and 1 MB if lossy.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from ctypes import POINTER, Structure, Union, byref, c_char_p, c_int, c_size_t, c_uint8, c_uint32, c_void_p
from functools import cache
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

ABI = 0x0200  # only the major version must match
MODE_RGB, MODE_RGBA = 0, 1
OK, OUT_OF_MEMORY, UNSUPPORTED = 0, 1, 4


class WebpError(ValueError):
    """Decoding failed; the argument is the decoder's status."""


class _Rgba(Structure):
    _fields_ = (("rgba", c_void_p), ("stride", c_int), ("size", c_size_t))


class _Yuva(Structure):
    _fields_ = (("planes", c_void_p * 4), ("strides", c_int * 4), ("sizes", c_size_t * 4))


class _Planes(Union):
    _fields_ = (("rgba", _Rgba), ("yuva", _Yuva))


class _Output(Structure):
    _fields_ = (
        *((name, c_int) for name in ("colorspace", "width", "height", "is_external_memory")),
        ("u", _Planes),
        ("pad", c_uint32 * 4),
        ("private_memory", POINTER(c_uint8)),
    )


class _Features(Structure):
    _fields_ = (
        *((name, c_int) for name in ("width", "height", "has_alpha", "has_animation", "format")),
        ("pad", c_uint32 * 5),
    )


class _Options(Structure):
    _fields_ = (
        *((name, c_int) for name in ("bypass_filtering", "no_fancy_upsampling")),
        *((name, c_int) for name in ("use_cropping", "crop_left", "crop_top", "crop_width", "crop_height")),
        *((name, c_int) for name in ("use_scaling", "scaled_width", "scaled_height")),
        *((name, c_int) for name in ("use_threads", "dithering_strength", "flip", "alpha_dithering_strength")),
        ("pad", c_uint32 * 5),
    )


class _Config(Structure):
    _fields_ = (("input", _Features), ("output", _Output), ("options", _Options))


@cache
def library() -> ctypes.CDLL | None:
    """The loaded library; None if it cannot be found, because Pillow is linked statically."""
    folder = Path(PIL.__file__).parent
    bundled = [*folder.parent.glob("pillow.libs/libwebp-*.so*"), *folder.glob(".dylibs/libwebp.*.dylib")]
    name = str(bundled[0]) if bundled else ctypes.util.find_library("webp")
    try:
        found = ctypes.CDLL(name) if name else None
        if found is not None:
            found.WebPInitDecoderConfigInternal.argtypes = POINTER(_Config), c_int
            found.WebPGetFeaturesInternal.argtypes = c_char_p, c_size_t, POINTER(_Features), c_int
            found.WebPDecode.argtypes = c_char_p, c_size_t, POINTER(_Config)
        return found
    except (OSError, AttributeError):
        return None


def decode(data: bytes, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A still image as (H, W, 3) or, with alpha, (H, W, 4), area-averaged to `size` (width, height).

    Raises:
        WebpError: it is damaged, cut off, or an animation.
        MemoryError: the pixels do not fit into memory.
    """
    webp, config = library(), _Config()
    if webp is None or not webp.WebPInitDecoderConfigInternal(byref(config), ABI):
        raise WebpError(UNSUPPORTED)
    _check(webp.WebPGetFeaturesInternal(data, len(data), byref(config.input), ABI))
    if config.input.has_animation:
        raise WebpError(UNSUPPORTED)
    if size != (config.input.width, config.input.height):
        config.options.use_scaling = 1
        config.options.scaled_width, config.options.scaled_height = size
    channels = 4 if config.input.has_alpha else 3
    pixels = np.empty((size[1], size[0], channels), np.uint8)
    config.output.colorspace = MODE_RGBA if channels == 4 else MODE_RGB
    config.output.is_external_memory = 1
    config.output.u.rgba = _Rgba(pixels.ctypes.data, size[0] * channels, pixels.size)
    _check(webp.WebPDecode(data, len(data), byref(config)))
    return pixels


def _check(status: int) -> None:
    if status == OUT_OF_MEMORY:
        raise MemoryError
    if status != OK:
        raise WebpError(status)
