"""What the sandbox's process does with a clip, each answered by messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from app.video.bounds import Bounds
from app.video.look import look_at
from app.video.messages import send
from app.video.reading import open_clip
from app.video.segments import join_segments, size_of
from app.video.sound import sound_of


@dataclass(frozen=True)
class Errand:
    """
    Attributes:
        name: in ERRANDS.
        clip: its path, which leads to an open file.
        skip: frames at the beginning that are not wanted (`read`).
        segments, sizes: a path, and the bytes of each of the segments that lie there one behind the other (`join`).
        lasts: the duration of the last frame in seconds, as a fraction (`join`).
        target, format: path and name of the result's format (`join`).
    """

    name: str
    clip: str
    bounds: Mapping[str, float]
    skip: int = 0
    segments: str = ""
    sizes: tuple[int, ...] = ()
    lasts: str = ""
    target: str = ""
    format: str = ""

    @property
    def path(self) -> Path:
        return Path(self.clip)

    @property
    def limits(self) -> Bounds:
        return Bounds(**self.bounds)  # type: ignore[arg-type]


def look(errand: Errand, pipe: int) -> None:
    send(pipe, {"look": asdict(look_at(errand.path, errand.limits))})


def read(errand: Errand, pipe: int) -> None:
    with closing(open_clip(errand.path, errand.limits)) as clip:
        for number, frame in enumerate(clip.frames()):
            if number < errand.skip:
                send(pipe, {"skipped": number})
                continue
            picture = frame.picture
            head = {
                "width": picture.width,
                "height": picture.height,
                "seconds": str(frame.seconds),
                "duration": str(frame.duration),
            }
            planes = [picture.rgb] if picture.alpha is None else [picture.rgb, picture.alpha]
            send(pipe, head, *(plane.reshape(-1).data for plane in planes))
    send(pipe, {"end": True})


def join(errand: Errand, pipe: int) -> None:
    with ExitStack() as stack:
        sound = sound_of(errand.path)
        if sound is not None:
            stack.callback(sound.close)
        held = sound if sound and sound.holds_in(errand.format) else None
        with Path(errand.segments).open("rb") as file:
            segments = [file.read(size) for size in errand.sizes]
        join_segments(Path(errand.target), errand.format, segments, Fraction(errand.lasts), held)
        width, height = size_of(segments[0])
        found = {"sound": sound.codec if sound else None, "sound_copied": held is not None}
        send(pipe, {"joined": {"width": width, "height": height, **found}})


ERRANDS: Mapping[str, Callable[[Errand, int], None]] = MappingProxyType({"look": look, "read": read, "join": join})
