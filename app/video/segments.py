"""A film written in pieces: each is complete by itself, and all are joined by copying their packets.

Animations are written so in `app.video.animated_webp`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

from app.video.frame import Frame
from app.video.pyav import pyav
from app.video.sound import Sound
from app.video.writing import ENCODINGS, coded, copy_sound, tag_colours, video_stream

# Of a segment. NUT keeps any codec, and times of any base exactly.
CONTAINER = "nut"


def write_segment(format: str, frames: Iterable[Frame], quality: int) -> bytes:
    """The frames, one at least, coded as `write_clip` does, from a key frame on.

    Args:
        format: a name in ENCODINGS.
        quality: 1 to 100.
    """
    source = iter(frames)
    first = next(source)
    file = BytesIO()
    with pyav().open(file, "w", format=CONTAINER) as container:
        stream = video_stream(container, ENCODINGS[format], first.picture, quality)
        for frame in chain([first], source):
            container.mux(stream.encode(coded(frame, stream)))
        container.mux(stream.encode(None))
    return file.getvalue()


def fingerprint(format: str) -> str:
    """Segments with the same one, of one clip and one quality, can be joined: they are coded by the same encoder."""
    return f"{format}, {ENCODINGS[format].encoder} of PyAV {pyav().__version__}"


def join_segments(
    path: Path, format: str, segments: Sequence[bytes], lasts: Fraction, sound: Sound | None = None
) -> None:
    """Write the clip that the segments make up in their order, each packet as it is.

    Args:
        segments: as `write_segment` returns them; one at least.
        lasts: the duration of the last frame in seconds, which a segment does not keep.
        sound: copied; the format must hold it.

    Raises:
        VideoError: the sound cannot be read.
        OSError: the file cannot be written.
    """
    encoding = ENCODINGS[format]
    copies = list(packets(segments))
    copies[-1].duration = round(lasts / copies[-1].time_base)
    with (
        opened(segments[0]) as first,
        pyav().open(str(path), "w", format=encoding.muxer, options=encoding.muxer_options) as container,
    ):
        stream = container.add_stream_from_template(first.streams.video[0])
        tag_colours(stream.codec_context)  # NUT does not keep them, nor does VP9 all of them
        copied = container.add_stream_from_template(sound.stream) if sound else None
        for packet in copies:
            if sound:
                copy_sound(container, copied, sound, packet.pts * packet.time_base)
            packet.stream = stream
            container.mux(packet)
        if sound:
            copy_sound(container, copied, sound, None)


def packets(segments: Iterable[bytes]) -> Iterator[Any]:
    for segment in segments:
        with opened(segment) as container:
            # The last one is empty.
            yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)


def size_of(segment: bytes) -> tuple[int, int]:
    """Width and height of its pictures."""
    with opened(segment) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def opened(segment: bytes) -> Any:
    return pyav().open(BytesIO(segment), format=CONTAINER)
