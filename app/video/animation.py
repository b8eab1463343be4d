"""GIF and animated WebP, decoded by Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import GifImagePlugin, Image, WebPImagePlugin

from app.errors import OutOfMemory, VideoError
from app.imaging.container import DECODER_ERRORS
from app.imaging.picture import Picture
from app.video.bounds import Bounds
from app.video.frame import Frame

# A frame that is to last less is shown that long by every browser.
SHORTEST_MILLISECONDS, SHOWN_MILLISECONDS = 11, 100

UNREADABLE = (*DECODER_ERRORS, Image.DecompressionBombError)
OPENERS = {"gif": GifImagePlugin.GifImageFile, "webp": WebPImagePlugin.WebPImageFile}


class Animation:
    """A file whose `kind` is `gif` or `webp` while it is read; a still one has a single frame.

    Attributes:
        plays: how often it is shown, 0 for ever.

    Raises:
        VideoError: damaged.
        VideoTooLarge: by its header.
    """

    def __init__(self, path: Path, kind: str, bounds: Bounds) -> None:
        bounds.check_file(path.stat().st_size)
        self._bounds = bounds
        try:
            self._image: Image.Image = OPENERS[kind](path)
        except UNREADABLE as error:
            raise damaged(error) from error
        self.width, self.height = self._image.size
        try:
            bounds.check_frame(self.width, self.height)
            # A GIF tells their number only when all are read; a WebP's header is taken at its word here and no further.
            self.expected_frames = int(self._image.n_frames) if kind == "webp" else None  # type: ignore[attr-defined]
            bounds.check_length(self.width, self.height, self.expected_frames or 1, 0)
            self.plays = self._plays(kind)
        except BaseException:
            self._image.close()
            raise

    def close(self) -> None:
        self._image.close()

    def _plays(self, kind: str) -> int:
        times = self._image.info.get("loop")
        if kind == "webp":
            return int(times or 0)
        # A GIF says how often it is shown again, 0 for ever, and nothing where it is not.
        return 1 if times is None else int(times) and int(times) + 1

    def count(self) -> int:
        """The frames in the file; those of a GIF are looked for, without being decoded. Raises VideoError."""
        try:
            return int(self._image.n_frames)  # type: ignore[attr-defined]
        except UNREADABLE as error:
            raise damaged(error) from error

    def frames(self) -> Iterator[Frame]:
        seconds = Fraction(0)
        for count, picture in enumerate(self._pictures(), 1):
            self._bounds.check_length(self.width, self.height, count, float(seconds))
            milliseconds = int(self._image.info.get("duration") or 0)
            if milliseconds < SHORTEST_MILLISECONDS:
                milliseconds = SHOWN_MILLISECONDS
            frame = Frame(picture, seconds, Fraction(milliseconds, 1000))
            seconds += frame.duration
            yield frame

    def _pictures(self) -> Iterator[Picture]:
        place = 0
        while (picture := self._picture(place)) is not None:
            yield picture
            place += 1

    def _picture(self, place: int) -> Picture | None:
        try:
            self._image.seek(place)
            self._bounds.check_frame(*self._image.size)  # a later one may be larger
            rgba = np.asarray(self._image.convert("RGBA"))
        except EOFError:
            return None
        except MemoryError as error:
            raise OutOfMemory("A frame does not fit into the free memory.", private=repr(error)) from error
        except UNREADABLE as error:
            raise damaged(error) from error
        alpha = np.ascontiguousarray(rgba[:, :, 3])
        return Picture(np.ascontiguousarray(rgba[:, :, :3]), None if alpha.min() == 255 else alpha)


def damaged(error: BaseException) -> VideoError:
    return VideoError("The animation is damaged and cannot be read.", private=repr(error))
