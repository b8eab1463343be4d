"""A clip's size, length and sound track, without decoding more than one frame."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.video.animation import Animation
from app.video.bounds import Bounds
from app.video.container import HEAD_BYTES, kind_of
from app.video.film import Film, open_container
from app.video.pyav import decoder_errors
from app.video.reading import open_clip
from app.video.sound import sound_of


@dataclass(frozen=True)
class Look:
    """
    Attributes:
        width, height: of the upright frames.
        frames: counted in the file, not promised by its header; a damaged one may give fewer.
        shown: the times of the first and the last frame in seconds; None where only decoding would tell.
        sound: the codec of its sound track; None where it has none that is known.
        plays: how often it is shown, 0 for ever; of an animation.
    """

    width: int
    height: int
    frames: int
    shown: tuple[float, float] | None
    sound: str | None
    plays: int = 0

    def passed(self, number: int, seconds: float) -> float:
        """How much of the clip has passed at a frame, 0..1: by its time where that is known, else by its number.

        Args:
            number: from 0.
            seconds: when it is shown.
        """
        first, last = self.shown or (0, self.frames - 1)
        here = seconds if self.shown else number
        return min(max((here - first) / (last - first), 0.0), 1.0) if last > first else 0.0


def look_at(path: Path, bounds: Bounds) -> Look:
    """Raises OSError, EmptyBody, UnsupportedVideo, VideoTooLarge and VideoError as `open_clip`."""
    with closing(open_clip(path, bounds)) as clip:
        frames, shown = (clip.count(), None) if isinstance(clip, Animation) else counted(path, clip, bounds)
        bounds.check_length(clip.width, clip.height, frames, 0.0)
        return Look(clip.width, clip.height, frames, shown, codec_of_sound(path), clip.plays)


def counted(path: Path, film: Film, bounds: Bounds) -> tuple[int, tuple[float, float]]:
    """Frames, and the times of the first and the last, by the packets of the file."""
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD_BYTES))
    assert kind is not None, "it has been opened"
    with decoder_errors(), open_container(path, kind) as container:
        count, earliest, latest = 0, None, None
        for packet in container.demux(container.streams.video[0]):
            if packet.pts is None or not packet.size:
                continue
            seconds = float(packet.pts * packet.time_base)
            count += 1
            earliest = seconds if earliest is None else min(earliest, seconds)
            latest = seconds if latest is None else max(latest, seconds)
            bounds.check_length(film.width, film.height, count, latest - earliest)
    return count, (earliest or 0.0, latest or 0.0)


def codec_of_sound(path: Path) -> str | None:
    sound = sound_of(path)
    if sound is None:
        return None
    with closing(sound):
        for _ in sound.packets(None):
            pass  # a damaged one is found before it is copied
        return sound.codec
