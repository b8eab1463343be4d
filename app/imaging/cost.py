"""What a picture costs to decode or to encode, told before it is done: memory, and time of one thread.

Nothing that a decoder does can be interrupted. So whatever it does must be bounded by what its header says, and a
picture past the bounds is refused before a pixel of it is decoded. Each format's module predicts its own.

The seconds are those of one core at 2 to 3 GHz. They are rates for photos, and hold within a factor of two or three for
the worst files that were tried; the service scales them by what it measures.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import PictureTooLarge

# Memory for decoding one picture, unless a caller has less; in it fit all photos of 64 megapixels that are decoded
# reduced, and progressive ones of that size.
MAX_DECODE_BYTES = 512_000_000
# Predicted. Photos of 64 megapixels take 0.3 s, progressive ones 1 s.
MAX_DECODE_SECONDS = 3.0

# Rates of encoding, from photos of 512 and 1024 pixels; noise takes twice as long.
JPEG_SECONDS, PNG_SECONDS, WEBP_SECONDS = 0.005, 0.07, 0.03
AVIF_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """
    Attributes:
        bytes: at most, at once, beside the file itself and the finished picture.
        seconds: of one thread.
    """

    bytes: int
    seconds: float

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


def encoding_seconds(format: str, megapixels: float, quality: int) -> float:
    """Predicted time of one thread to write a picture.

    Args:
        format: a name in `encode.FORMATS`.
    """
    match format:
        case "jpeg":
            return JPEG_SECONDS * megapixels
        case "png":
            return PNG_SECONDS * megapixels
        case "webp":
            return WEBP_SECONDS * megapixels * (1 + quality / 100)
        case _:
            return AVIF_SECONDS * megapixels * (1 + (quality / 100) ** 2)
