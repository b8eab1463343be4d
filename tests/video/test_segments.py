"""A clip that was written in pieces is the clip that was written at once."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import MakeClip, panned, with_sound
from numpy.typing import NDArray

from app.video.bounds import Bounds
from app.video.frame import Frame
from app.video.reading import open_clip
from app.video.segments import join_segments, write_segment
from app.video.sound import sound_of
from app.video.writing import ENCODINGS

# No two intervals are equal; whole milliseconds, as WebM has them.
TIMES = [Fraction(n * 40 + n * n, 1000) for n in range(20)]
CUTS = [(0, 7), (7, 8), (8, 20)]


@pytest.mark.parametrize("format", ENCODINGS)
def test_joined_segments_have_every_frame_at_its_time(
    format: str, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    frames = list(panned(astronaut, TIMES))
    segments = [write_segment(format, frames[start:end], 95) for start, end in CUTS]
    path = tmp_path / f"joined.{format}"
    join_segments(path, format, segments, frames[-1].duration)
    found = read(path)
    assert [frame.seconds for frame in found] == TIMES
    for shown, made in zip(found, frames, strict=True):
        assert np.abs(shown.picture.rgb.astype(int) - made.picture.rgb).mean() < 5
    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(1e6 * float(TIMES[-1] + frames[-1].duration), abs=1000)
        frame = next(container.decode(video=0))
        tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
        assert tuple(map(int, tags)) == (1, 1, 13, 1)  # BT.709 with the transfer of sRGB, limited range
    with av.open(str(path)) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert [place for place, key in enumerate(keys) if key] == [start for start, _ in CUTS]


@pytest.mark.parametrize(("format", "codec"), [("mp4", "aac"), ("webm", "libopus")])
def test_the_sound_is_copied_beside_them(
    format: str, codec: str, make_clip: MakeClip, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    loud = with_sound(make_clip(format), tmp_path / f"loud.{format}", codec)
    frames = list(panned(astronaut, TIMES))
    path = tmp_path / f"joined.{format}"
    with closing(sound_of(loud)) as sound:
        join_segments(path, format, [write_segment(format, frames, 80)], frames[-1].duration, sound)
    assert packets(path)
    assert packets(path) == packets(loud)


def read(path: Path) -> list[Frame]:
    with closing(open_clip(path, Bounds())) as clip:
        return list(clip.frames())


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]
