"""Predicted cost of decoding, changing or encoding an image: memory, and the time of one thread.

A decoder cannot be interrupted. Its work must therefore be bounded by what the header says, and an image beyond the
bounds is refused before any pixel is decoded. Each format's module predicts its own cost.

The seconds are those of one core at 2 to 3 GHz. The rates are measured on photos; the worst files that were tried take
two or three times as long. `api/codecs` scales predictions by what it measures, and admits by them.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import PictureTooLarge
from app.imaging.compose import Colour

# Memory for decoding one image, unless a caller has less: enough for 64 megapixels, also of a progressive JPEG.
MAX_DECODE_BYTES = 512_000_000
# Predicted. Photos of 64 megapixels take 0.3 s, progressive ones 1 s.
MAX_DECODE_SECONDS = 3.0

# Minimum for any step: what handing it to a thread and back takes.
MIN_SECONDS = 0.001
# Seconds per pixel, from photos of 512 to 2048 pixels; noise takes twice as long.
JPEG_SECONDS, PNG_SECONDS, WEBP_SECONDS, AVIF_SECONDS = 5e-9, 60e-9, 30e-9, 50e-9
RESIZE_SECONDS, KEEP_COLOUR_SECONDS, LAY_OVER_SECONDS = 9e-9, 9e-9, 20e-9
MASK_SECONDS = 50e-9
# Drawing and softening a polygon; small ones are drawn large.
POLYGON_SECONDS, LEAST_POLYGON_SECONDS = 20e-9, 0.015
# Of any picture: its colours are sampled, and mapped by a table while it is small.
MATCHING_SECONDS = 0.02
# 7.7 ms of 384 x 288 pixels; floats of frame, painting and what is kept of both.
STEADYING_SECONDS, STEADYING_BYTES = 70e-9, 80
# Bytes a pixel while it is encoded, the file included; measured at 4 megapixels.
ENCODING_BYTES = {"jpeg": 6, "png": 8, "webp": 16, "avif": 32}


@dataclass(frozen=True, slots=True)
class Cost:
    """
    Attributes:
        bytes: peak memory, beside the file itself and the finished image.
        seconds: time of one thread.
    """

    bytes: int
    seconds: float

    def __add__(self, other: Cost) -> Cost:
        """Cost of both, one after the other."""
        return Cost(max(self.bytes, other.bytes), self.seconds + other.seconds)

    def check(self, max_bytes: int) -> None:
        """Raise PictureTooLarge if the cost is above the limits for one image."""
        if self.bytes > max_bytes:
            raise PictureTooLarge(
                f"Decoding the picture takes {self.bytes / 1e6:.0f} MB of memory; at most {max_bytes / 1e6:.0f} MB are"
                " given to one. Send it smaller, or as a baseline JPEG, which is decoded reduced."
            )
        if self.seconds > MAX_DECODE_SECONDS:
            raise PictureTooLarge(
                f"Decoding the picture takes about {self.seconds:.1f} seconds; at most {MAX_DECODE_SECONDS:g} are given"
                " to one. Send it smaller, or with fewer scans or bits."
            )


# Parsing a file's structure; with 65,536 pieces, the most that are allowed, it takes 0.08 s.
PROBING = Cost(0, MIN_SECONDS)


def resizing_cost(pixels: int) -> Cost:
    """Args: pixels: number of pixels before or after, whichever is larger."""
    return Cost(0, RESIZE_SECONDS * pixels)


def colour_cost(pixels: int, color: Colour, strength: float, *, masked: bool = False) -> Cost:
    """Cost of taking the photo's colours, and of laying the stylized image over the photo."""
    over = MASK_SECONDS if masked else LAY_OVER_SECONDS * (0 < strength < 1)
    rate = KEEP_COLOUR_SECONDS * (color == "keep") + over
    return Cost(0, MATCHING_SECONDS * (color == "match") + rate * pixels)


def polygon_cost(pixels: int) -> Cost:
    """Cost of drawing a polygon in a picture of so many pixels."""
    return Cost(0, LEAST_POLYGON_SECONDS + POLYGON_SECONDS * pixels)


def steadying_cost(pixels: int) -> Cost:
    """Cost of keeping a live frame's strokes."""
    return Cost(STEADYING_BYTES * pixels, STEADYING_SECONDS * pixels)


def encoding_cost(format: str, pixels: int, quality: int) -> Cost:
    """Args: format: a name in `encode.FORMATS`."""
    rates = {
        "jpeg": JPEG_SECONDS,
        "png": PNG_SECONDS,
        "webp": WEBP_SECONDS * (1 + quality / 100),
        "avif": AVIF_SECONDS * (1 + (quality / 100) ** 2),
    }
    return Cost(ENCODING_BYTES[format] * pixels, MIN_SECONDS + rates[format] * pixels)
