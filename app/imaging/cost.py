"""What a picture costs to decode, to change or to encode, told before it is done: memory, and time of one thread.

Nothing that a decoder does can be interrupted. So whatever it does must be bounded by what its header says, and a
picture past the bounds is refused before a pixel of it is decoded. Each format's module predicts its own.

The seconds are those of one core at 2 to 3 GHz. They are rates for photos, and hold within a factor of two or three for
the worst files that were tried; `api/codecs` scales them by what it measures, and admits by them.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import PictureTooLarge

# Memory for decoding one picture, unless a caller has less; in it fit all photos of 64 megapixels that are decoded
# reduced, and progressive ones of that size.
MAX_DECODE_BYTES = 512_000_000
# Predicted. Photos of 64 megapixels take 0.3 s, progressive ones 1 s.
MAX_DECODE_SECONDS = 3.0

# The least that a step counts for, with its way to a thread and back.
MIN_SECONDS = 0.001
# Rates a pixel, from photos of 512 to 2048 pixels; noise takes twice as long.
JPEG_SECONDS, PNG_SECONDS, WEBP_SECONDS, AVIF_SECONDS = 5e-9, 60e-9, 30e-9, 50e-9
RESIZE_SECONDS, KEEP_COLOUR_SECONDS, LAY_OVER_SECONDS = 9e-9, 9e-9, 20e-9
# Bytes a pixel while it is encoded, the file included; measured at 4 megapixels.
ENCODING_BYTES = {"jpeg": 6, "png": 8, "webp": 16, "avif": 32}


@dataclass(frozen=True, slots=True)
class Cost:
    """
    Attributes:
        bytes: at most, at once, beside the file itself and the finished picture.
        seconds: of one thread.
    """

    bytes: int
    seconds: float

    def __add__(self, other: Cost) -> Cost:
        """Of both, one after the other."""
        return Cost(max(self.bytes, other.bytes), self.seconds + other.seconds)

    def check(self, max_bytes: int) -> None:
        """Raises PictureTooLarge if nobody may ask for so much."""
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


# Looking into a file's structure; of 65,536 pieces, the most that are read, it takes 0.08 s.
PROBING = Cost(0, MIN_SECONDS)


def resizing_cost(pixels: int) -> Cost:
    """Args: pixels: of the larger one of the picture before and after."""
    return Cost(0, RESIZE_SECONDS * pixels)


def colour_cost(pixels: int, *, keep: bool, strength: float) -> Cost:
    """Cost of keeping the photo's colours, and of laying the stylized image over the photo."""
    rate = KEEP_COLOUR_SECONDS * keep + LAY_OVER_SECONDS * (0 < strength < 1)
    return Cost(0, rate * pixels)


def encoding_cost(format: str, pixels: int, quality: int) -> Cost:
    """Args: format: a name in `encode.FORMATS`."""
    rates = {
        "jpeg": JPEG_SECONDS,
        "png": PNG_SECONDS,
        "webp": WEBP_SECONDS * (1 + quality / 100),
        "avif": AVIF_SECONDS * (1 + (quality / 100) ** 2),
    }
    return Cost(ENCODING_BYTES[format] * pixels, MIN_SECONDS + rates[format] * pixels)
