"""Frames as pictures in a folder, each a file of its own: read as a clip, and written from one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from app.errors import VideoError
from app.imaging.decode import decode, probe
from app.imaging.encode import encode
from app.imaging.picture import Picture
from app.imaging.resize import resize
from app.storage.atomic import replacing
from app.video.bounds import Bounds
from app.video.frame import Frame


class FrameFolder:
    """Pictures as frames at equal distances, all made as large as the first.

    Args:
        paths: the pictures in their order, one at least.
        rate: frames a second.

    Raises:
        OSError, PictureError: the first cannot be read.
    """

    plays = 0  # as an animation: for ever

    def __init__(self, paths: Sequence[Path], rate: Fraction, bounds: Bounds) -> None:
        self._paths = paths
        self._rate = rate
        self._bounds = bounds
        header = probe(paths[0].read_bytes(), bounds.frame_megapixels)
        self.width, self.height = header.width, header.height
        self.expected_frames = len(paths)
        bounds.check_length(self.width, self.height, len(paths), float(len(paths) / rate))

    def frames(self) -> Iterator[Frame]:
        """All of them. Raises PictureError, OutOfMemory, and VideoError for a file that has gone."""
        for number, path in enumerate(self._paths):
            yield Frame(self._picture(path), number / self._rate, 1 / self._rate)

    def _picture(self, path: Path) -> Picture:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise VideoError(f"The frame {path.name} cannot be read.", private=repr(error)) from error
        picture = decode(data, self._bounds.frame_megapixels)
        same = (picture.width, picture.height) == (self.width, self.height)
        return picture if same else resize(picture, self.width, self.height)


def write_frames(folder: Path, format: str, frames: Iterable[Frame], quality: int) -> None:
    """`000001.jpg` and so on; `format` is a name in `imaging.encode.FORMATS`. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "jpg" if format == "jpeg" else format
    for number, frame in enumerate(frames, 1):
        with replacing(folder / f"{number:06}.{suffix}") as unfinished:
            unfinished.write_bytes(encode(frame.picture, format, quality))
