"""PyAV, which brings FFmpeg: imported late, since the extra `video` may not be installed, and told to be silent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

from app.errors import OutOfMemory, UnsupportedVideo, VideoError


@cache
def pyav() -> ModuleType:
    """The package `av`. Raises UnsupportedVideo: it is not installed."""
    try:
        import av
    except ImportError as error:
        raise UnsupportedVideo(
            "Clips are not read here: the extra `video` is not installed.", private=repr(error)
        ) from None
    av.logging.set_level(None)
    return av


@contextmanager
def decoder_errors() -> Iterator[None]:
    """Around every call that reads or decodes a file: what FFmpeg raises becomes an error of ours, without its words.

    Raises:
        OutOfMemory: there is no memory for a frame.
        VideoError: anything else.
    """
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory("A frame does not fit into the free memory.", private=repr(error)) from error
    # FFmpeg's errors are OSError, ValueError or LookupError by their kind; UnicodeDecodeError is of bad metadata.
    except (pyav().error.FFmpegError, OSError, ValueError, LookupError, ArithmeticError) as error:
        raise VideoError("The clip is damaged and cannot be read.", private=repr(error)) from error
