"""What the file formats share: the header read from a file's structure, and how a bad file is refused.

`jpeg`, `png` and `webp` parse the structure themselves and pass only the image data to Pillow. Metadata, further images
and trailing bytes never reach it: no text bombs, no endless EXIF directories, no guessing about multi-picture files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from app.errors import PictureError, PictureTooLarge
from app.imaging.cost import Cost

# Most segments or chunks of one file. Real files have up to a few thousand (a PNG with 8 kB in each); a file of empty
# ones would keep a thread busy for seconds.
MAX_PIECES = 65_536

# Most bytes of an ICC profile. Large CMYK profiles have 2 to 3 MB.
MAX_PROFILE_BYTES = 4_000_000

# All that Pillow raises on hostile bytes, according to its documentation and to fuzzing. Not `Exception`, which would
# hide our own mistakes.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    Warning,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class StoredHeader:
    """Width and height in pixels as stored, that is before `orientation` (EXIF, 1 to 8) is applied."""

    width: int
    height: int
    orientation: int = 1
    frames: int = 1

    def cost(self, size: tuple[int, int]) -> Cost:
        """Cost of decoding to `size`, width and height before orientation, at most its own."""
        raise NotImplementedError


def damaged(private: str) -> PictureError:
    return PictureError("The picture is damaged and cannot be read.", private=private)


def cut_off(private: str) -> PictureError:
    return PictureError("The picture ends before it is complete.", private=private)


@contextmanager
def decoder_errors() -> Iterator[None]:
    """Wrap every call of a Pillow decoder: its exceptions become our errors, without its messages.

    Raises:
        PictureTooLarge: Pillow's own limit, far above ours, was exceeded.
        PictureError: anything else.
    """
    try:
        yield
    except Image.DecompressionBombError as error:
        raise PictureTooLarge("The picture has more pixels than can be read.", private=repr(error)) from error
    except DECODER_ERRORS as error:
        raise damaged(repr(error)) from error
