"""A file as a source of frames, whichever kind of clip it is."""

from __future__ import annotations

from pathlib import Path

from app.errors import EmptyBody, UnsupportedVideo
from app.video.animation import Animation
from app.video.bounds import Bounds
from app.video.container import HEAD_BYTES, kind_of
from app.video.film import Film


def open_clip(path: Path, bounds: Bounds) -> Film | Animation:
    """The clip, to be closed by the caller; its header is read and within bounds.

    Raises:
        OSError: the file cannot be opened.
        EmptyBody: no bytes.
        UnsupportedVideo: no kind of clip that is read.
        VideoTooLarge: beyond the bounds.
        VideoError: damaged.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise EmptyBody("There are no bytes where a clip was expected.")
    kind = kind_of(head)
    if kind is None:
        raise UnsupportedVideo("The bytes are no clip that is read: MP4, MOV, WebM, Matroska, GIF or animated WebP.")
    return Animation(path, kind, bounds) if kind in ("gif", "webp") else Film(path, kind, bounds)
