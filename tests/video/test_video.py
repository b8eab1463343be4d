"""Clips are read as they were made, whatever their format, and hostile ones are refused in little time."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import HEIGHT, TIMES, WIDTH, MakeClip, panned, with_sound
from numpy.typing import NDArray

from app.errors import EmptyBody, UnsupportedVideo, VideoError, VideoTooLarge
from app.video.bounds import Bounds
from app.video.frame import Frame
from app.video.reading import open_clip
from app.video.sound import sound_of
from app.video.writing import FORMATS, write_clip

# dB that a coding at the best quality keeps. A GIF has 256 colours.
KEPT = {"mp4": 33, "webm": 30, "webp": 30, "gif": 27}


def read(path: Path, bounds: Bounds | None = None) -> list[Frame]:
    clip = open_clip(path, bounds or Bounds())
    try:
        return list(clip.frames())
    finally:
        clip.close()


def decibels(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))


@pytest.mark.parametrize("format", FORMATS)
def test_a_clip_keeps_its_frames_and_their_times(
    format: str, make_clip: MakeClip, astronaut: NDArray[np.uint8]
) -> None:
    frames = read(make_clip(format))
    tick = Fraction(1, 100 if format == "gif" else 1000)
    assert [round(frame.seconds / tick) * tick for frame in frames] == list(TIMES)
    assert frames[-1].duration == pytest.approx(0.04, abs=0.001)
    for found, made in zip(frames, panned(astronaut), strict=True):
        assert found.picture.rgb.shape == (HEIGHT, WIDTH, 3)
        assert decibels(found.picture.rgb, made.picture.rgb) > KEPT[format]


@pytest.mark.parametrize("format", ["mp4", "webm"])
def test_a_film_says_in_which_colours_it_is(format: str, make_clip: MakeClip) -> None:
    with av.open(str(make_clip(format))) as container:
        frame = next(container.decode(video=0))
        assert (int(frame.colorspace), int(frame.color_primaries), int(frame.color_range)) == (1, 1, 1)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_a_phones_rotation_is_applied(
    degrees: int, turns: int, make_clip: MakeClip, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    turned = tmp_path / "turned.mp4"
    with av.open(str(make_clip("mp4"))) as source, av.open(str(turned), "w") as result:
        stream = result.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                result.mux(packet)
    data = bytearray(turned.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # version and flags, times, ids, duration, reserved, layer, volume
    one, zero = 1 << 16, 0
    a, b = {90: (zero, -one), 180: (-one, zero), 270: (zero, one)}[degrees]
    data[matrix : matrix + 20] = b"".join(v.to_bytes(4, "big", signed=True) for v in (a, b, 0, -b, a))
    turned.write_bytes(data)
    first = read(turned)[0].picture.rgb
    made = next(panned(astronaut)).picture.rgb
    assert decibels(first, np.rot90(made, turns)) > KEPT["mp4"]


@pytest.mark.parametrize(("format", "codec"), [("mp4", "aac"), ("webm", "libopus")])
def test_the_sound_is_copied_packet_by_packet(
    format: str, codec: str, make_clip: MakeClip, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    loud = with_sound(make_clip(format), tmp_path / f"loud.{format}", codec)
    sound = sound_of(loud)
    assert sound is not None
    assert sound.holds_in(format)
    result = tmp_path / f"result.{format}"
    write_clip(result, format, panned(astronaut), 80, sound)
    sound.close()

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(audio=0) if packet.size]

    assert packets(loud)
    assert packets(result) == packets(loud)


def test_a_clip_without_sound_has_none(make_clip: MakeClip) -> None:
    assert sound_of(make_clip("mp4")) is None
    assert sound_of(make_clip("gif")) is None


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "bounds",
    [Bounds(bytes=100), Bounds(frames=3), Bounds(frame_megapixels=0.001), Bounds(megapixels=0.02), Bounds(seconds=0.1)],
)
def test_a_clip_beyond_a_bound_is_refused(format: str, bounds: Bounds, make_clip: MakeClip) -> None:
    with pytest.raises(VideoTooLarge):
        read(make_clip(format), bounds)


def test_what_a_header_promises_is_refused_before_a_frame_is_decoded(make_clip: MakeClip) -> None:
    with pytest.raises(VideoTooLarge):
        open_clip(make_clip("mp4"), Bounds(frame_megapixels=0.001))


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x89PNG\r\n\x1a\n",
        b"x",
    ],
)
def test_what_is_no_clip_reaches_no_decoder(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with pytest.raises(UnsupportedVideo):
        open_clip(path, Bounds())
    path.write_bytes(b"")
    with pytest.raises(EmptyBody):
        open_clip(path, Bounds())


@pytest.mark.parametrize("format", FORMATS)
def test_a_clip_with_broken_bytes_is_read_or_refused_in_little_time(
    format: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    whole = make_clip(format).read_bytes()
    rng = np.random.default_rng(0)
    broken = tmp_path / f"broken.{format}"
    refused = 0
    began = time.monotonic()
    for trial in range(40):
        data = bytearray(whole)
        for place in rng.integers(12, len(data), 30):
            data[place] = rng.integers(256)
        broken.write_bytes(data[: rng.integers(16, len(data))] if trial % 2 else data)
        try:
            read(broken, Bounds(frame_megapixels=1, seconds=60, frames=1000, megapixels=100))
        except VideoError:
            refused += 1
    assert refused
    assert time.monotonic() - began < 60
