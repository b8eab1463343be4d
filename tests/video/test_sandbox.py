"""Clips are read in another process as in this one, and whatever a clip does to it is told as a problem."""

from __future__ import annotations

import errno
import signal
import struct
import subprocess
import sys
import time
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import TIMES, MakeClip, panned, with_sound
from numpy.typing import NDArray

from app.errors import EmptyBody, OutOfMemory, PasticheError, UnsupportedVideo, VideoError, VideoTooLarge
from app.imaging.picture import Picture
from app.video import sandbox
from app.video.bounds import Bounds
from app.video.frame import Frame
from app.video.look import Look
from app.video.reading import open_clip
from app.video.sandbox import SandboxedClip, explained
from app.video.segments import write_segment
from app.video.writing import FORMATS, write_clip

MEMORY_BYTES = 500_000_000


def sandboxed(data: bytes, bounds: Bounds | None = None, memory_bytes: int = MEMORY_BYTES) -> SandboxedClip:
    return SandboxedClip(data, bounds or Bounds(), memory_bytes)


@pytest.mark.parametrize("format", FORMATS)
def test_a_clip_has_the_frames_that_it_has_here(format: str, make_clip: MakeClip) -> None:
    path = make_clip(format)
    with closing(open_clip(path, Bounds())) as clip:
        here = list(clip.frames())
    skipped = []
    with sandboxed(path.read_bytes()) as clip:
        look = clip.look()
        there = list(clip.frames(look, 2, lambda: skipped.append(1)))
    assert (look.width, look.height, look.frames, look.sound) == (96, 64, 6, None)
    assert len(skipped) == 2
    for one, other in zip(here[2:], there, strict=True):
        assert np.array_equal(one.picture.rgb, other.picture.rgb)
        assert (one.seconds, one.duration) == (other.seconds, other.duration)


def test_without_a_folder_for_files_a_clip_is_read_and_joined_in_memory(
    make_clip: MakeClip, astronaut: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose file system is read-only."""
    data, segment = make_clip("mp4").read_bytes(), write_segment("mp4", list(panned(astronaut)), 80)
    with sandboxed(data) as clip:
        expected = clip.look(), clip.join("mp4", [segment], Fraction(1, 25))

    def refuse() -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with sandboxed(data) as clip:
        assert (clip.look(), clip.join("mp4", [segment], Fraction(1, 25))) == expected


def test_transparency_comes_through(tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    frames = list(panned(astronaut))
    for frame in frames:
        object.__setattr__(frame.picture, "alpha", np.full(frame.picture.rgb.shape[:2], 100, np.uint8))
    path = tmp_path / "clip.webp"
    write_clip(path, "webp", frames, 90)
    with sandboxed(path.read_bytes()) as clip:
        assert {int(frame.picture.alpha.max()) for frame in clip.frames(clip.look())} == {100}


def test_how_much_has_passed_is_told_by_time_or_else_by_number(make_clip: MakeClip) -> None:
    with sandboxed(make_clip("mp4").read_bytes()) as clip:
        look = clip.look()
    assert [look.passed(place, float(time)) for place, time in enumerate(TIMES)] == pytest.approx(
        [0, 0.1, 0.2, 0.5, 0.6, 1]
    )
    with sandboxed(make_clip("gif").read_bytes()) as clip:
        look = clip.look()
    assert [look.passed(place, 9.0) for place in range(7)] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1])
    assert Look(1, 1, 1, None, None).passed(0, 0.0) == Look(1, 1, 1, (2.0, 2.0), None).passed(0, 2.0) == 0


def test_a_clip_is_joined_with_the_sound_that_its_format_holds(
    make_clip: MakeClip, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    loud = with_sound(make_clip("mp4"), tmp_path / "loud.mp4", "aac")
    frames = list(panned(astronaut))
    with sandboxed(loud.read_bytes()) as clip:
        for format, copied in (("mp4", True), ("webm", False)):
            joined = clip.join(format, [write_segment(format, frames, 80)], Fraction(1, 25))
            assert (joined.sound, joined.sound_copied) == ("aac", copied)
            path = tmp_path / f"joined.{format}"
            path.write_bytes(joined.data)
            with closing(open_clip(path, Bounds())) as found:
                assert [frame.seconds for frame in found.frames()] == list(TIMES)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", EmptyBody),
        (b"#EXTM3U\nfile:///etc/passwd\n", UnsupportedVideo),
        (b"\0\0\0\x18ftypisom" + bytes(200), VideoError),
        (b"\x1a\x45\xdf\xa3" + bytes(200), VideoError),
        (b"GIF89a" + bytes(200), VideoError),
        (b"RIFF\0\0\0\0WEBP" + bytes(200), VideoError),
    ],
)
def test_what_is_no_clip_is_told_as_it_is_here(data: bytes, kind: type[PasticheError]) -> None:
    with sandboxed(data) as clip, pytest.raises(kind):
        clip.look()


@pytest.mark.parametrize("format", ["mp4", "gif"])
@pytest.mark.parametrize(
    "bounds", [Bounds(bytes=100), Bounds(frames=3), Bounds(frame_megapixels=0.001), Bounds(megapixels=0.02)]
)
def test_bounds_hold_before_anything_is_decoded(format: str, bounds: Bounds, make_clip: MakeClip) -> None:
    with sandboxed(make_clip(format).read_bytes(), bounds) as clip, pytest.raises(VideoTooLarge):
        clip.look()


def test_a_header_that_lies_is_found_while_the_frames_are_counted(make_clip: MakeClip) -> None:
    data = bytearray(make_clip("mp4").read_bytes())
    place = data.index(b"mdhd") + 4 + 16  # version and flags, two times, the scale of the duration
    data[place : place + 4] = (1).to_bytes(4, "big")
    with sandboxed(bytes(data), Bounds(seconds=0.3)) as clip, pytest.raises(VideoTooLarge, match="seconds"):
        clip.look()


def test_a_clip_that_needs_more_memory_than_allowed_is_refused(tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    large = np.tile(astronaut, (4, 4, 1))
    frames = [Frame(Picture(np.roll(large, 9 * n, 1)), Fraction(n, 10), Fraction(1, 10)) for n in range(2)]
    path = tmp_path / "large.gif"
    write_clip(path, "gif", frames, 50)
    with sandboxed(path.read_bytes()) as clip:
        assert len(list(clip.frames(clip.look()))) == 2
    with sandboxed(path.read_bytes(), memory_bytes=20_000_000) as clip, pytest.raises(VideoTooLarge, match="memory"):
        list(clip.frames(Look(2048, 2048, 2, None, None)))


GIF = b"GIF89a" + struct.pack("<HH", 1, 1) + b"\x80\0\0" + bytes(3) + b"\xff\xff\xff"


def gif_frame(width: int = 1, height: int = 1) -> bytes:
    """One pixel of a frame of that size."""
    size = struct.pack("<HHHHB", 0, 0, width, height, 0)
    return b"\x21\xf9\x04\0\x01\0\0\0" + b"\x2c" + size + b"\x02\x02\x44\x01\0"


@pytest.mark.parametrize(("edge", "kind"), [(4000, VideoTooLarge), (60_000, VideoError)])
def test_a_later_frame_of_a_gif_that_is_larger_is_refused(edge: int, kind: type[VideoError]) -> None:
    data = GIF + gif_frame() + gif_frame(edge, edge) + gif_frame() + b";"
    with sandboxed(data, Bounds(frame_megapixels=1)) as clip, pytest.raises(kind) as caught:
        list(clip.frames(clip.look()))
    assert type(caught.value) is kind


def test_a_gif_of_many_frames_is_refused_soon() -> None:
    data = GIF + gif_frame() * 100_000 + b";"
    began = time.monotonic()
    with sandboxed(data, Bounds(frames=3600)) as clip, pytest.raises(VideoError):
        clip.look()
    assert time.monotonic() - began < 60


def test_a_clip_that_is_silent_for_too_long_is_given_up(make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SILENCE_SECONDS", 0)
    with sandboxed(make_clip("mp4").read_bytes()) as clip, pytest.raises(VideoError, match="too long"):
        clip.look()


@pytest.mark.parametrize(
    ("number", "kind", "detail"),
    [
        (signal.SIGSEGV, VideoError, "damaged"),
        (signal.SIGABRT, VideoError, "damaged"),
        (signal.SIGXCPU, VideoError, "too long"),
        (signal.SIGKILL, OutOfMemory, "memory"),
    ],
)
def test_what_ends_the_process_is_told(number: signal.Signals, kind: type[PasticheError], detail: str) -> None:
    error = explained(-number, "")
    assert type(error) is kind
    assert detail in error.detail


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("try: bytearray(300_000_000)\nexcept MemoryError: exit(7)", 7),
        ("while True: pass", -signal.SIGXCPU),
        ("try: pathlib.Path('file').write_bytes(b'x' * 2000)\nexcept OSError: exit(7)", 7),
        ("pathlib.Path('file').write_bytes(b'x' * 900)", 0),
        ("print(len(bytearray(50_000_000)))", 0),
    ],
    ids=["memory", "time", "files", "a small file", "less memory"],
)
def test_a_confined_process_cannot_have_more(code: str, status: int, tmp_path: Path) -> None:
    confine = "import pathlib, signal\nfrom app.video.confinement import Confinement\n"
    confine += "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nConfinement(100_000_000, 1, 1000).apply()\n"
    run = subprocess.run(
        [sys.executable, "-c", confine + code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "MALLOC_ARENA_MAX": "1"},
        check=False,
        capture_output=True,
    )
    assert run.returncode == status, run.stderr


def test_it_has_no_network(tmp_path: Path) -> None:
    code = "import os\nfrom app.video.confinement import leave_network\nbefore = os.readlink('/proc/self/ns/net')\n"
    code += "left = leave_network()\nexit(3 if not left else 7 if os.readlink('/proc/self/ns/net') != before else 0)"
    run = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    if run.returncode == 3:
        pytest.skip("this kernel lets nobody leave the network")
    assert run.returncode == 7
