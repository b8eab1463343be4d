"""GIF and animated WebP as results: their times, how often they are shown, their transparency, and one palette."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from clips import HEIGHT, WIDTH, panned
from numpy.typing import NDArray
from PIL import Image

from app.imaging.encode import encode
from app.imaging.picture import Picture
from app.video.animated_webp import join_pieces, size_of, write_piece
from app.video.bounds import Bounds
from app.video.frame import Frame
from app.video.gif import gif_of
from app.video.look import look_at
from app.video.reading import open_clip
from app.video.writing import ANIMATIONS, write_clip

# No two intervals are equal; whole hundredths of a second, as a GIF has them.
TIMES = [Fraction(4 * n + n * n, 100) for n in range(8)]
LOCAL_PALETTE, IMAGE = 0x80, 0x2C


@pytest.fixture
def frames(astronaut: NDArray[np.uint8]) -> list[Frame]:
    return list(panned(astronaut, TIMES))


def read(data: bytes, tmp_path: Path) -> list[Frame]:
    path = tmp_path / "found"
    path.write_bytes(data)
    with closing(open_clip(path, Bounds())) as clip:
        return list(clip.frames())


def test_a_webp_has_its_stills_as_they_were_coded(frames: list[Frame], tmp_path: Path) -> None:
    pieces = [write_piece(frames[:3], 90), write_piece(frames[3:4], 90), write_piece(frames[4:], 90)]
    assert size_of(pieces[0]) == (WIDTH, HEIGHT)
    found = read(join_pieces(pieces, plays=0), tmp_path)
    assert [frame.seconds for frame in found] == TIMES
    assert found[-1].duration == frames[-1].duration
    for shown, frame in zip(found, frames, strict=True):
        still = Image.open(BytesIO(encode(frame.picture, "webp", 90))).convert("RGB")
        assert np.array_equal(shown.picture.rgb, np.asarray(still))
    assert join_pieces([write_piece(frames, 90)], plays=0) == join_pieces(pieces, plays=0)


def test_a_gif_has_one_palette_and_its_times(frames: list[Frame], tmp_path: Path) -> None:
    data = gif_of([write_piece(frames[:5], 95), write_piece(frames[5:], 95)], plays=0)
    found = read(data, tmp_path)
    assert [frame.seconds for frame in found] == TIMES
    assert found[-1].duration == frames[-1].duration
    colours = np.unique(np.concatenate([frame.picture.rgb.reshape(-1, 3) for frame in found]), axis=0)
    assert 128 < len(colours) <= 256
    for shown, frame in zip(found, frames, strict=True):
        assert np.abs(shown.picture.rgb.astype(int) - frame.picture.rgb).mean() < 8


def test_what_stays_in_a_gif_stays_to_the_bit(astronaut: NDArray[np.uint8], tmp_path: Path) -> None:
    still = astronaut[100 : 100 + HEIGHT, 100 : 100 + WIDTH].copy()
    frames = []
    for number in range(6):
        moved = still.copy()
        moved[20:40, 8 * number : 8 * number + 20] = astronaut[300:320, 200:220]
        frames.append(Frame(Picture(moved), Fraction(number, 10), Fraction(1, 10)))
    found = read(gif_of([write_piece(frames, 100)], plays=0), tmp_path)
    above = np.stack([frame.picture.rgb[:16] for frame in found]).astype(int)
    assert (np.abs(np.diff(above, axis=0)) > 0).mean() < 0.01


@pytest.mark.parametrize("rate", [24, 30, 60, 90])
def test_a_gif_lasts_as_long_as_the_clip_at_any_rate(astronaut: NDArray[np.uint8], tmp_path: Path, rate: int) -> None:
    times = [Fraction(n, rate) for n in range(30)]
    ends = (*times[1:], Fraction(30, rate))
    frames = [
        Frame(Picture(np.ascontiguousarray(astronaut[4 * n : 4 * n + 32, :32])), begins, end - begins)
        for n, (begins, end) in enumerate(zip(times, ends, strict=True))
    ]
    found = read(gif_of([write_piece(frames, 90)], plays=0), tmp_path)
    assert float(found[-1].seconds + found[-1].duration) == pytest.approx(30 / rate, abs=0.02)
    assert min(frame.duration for frame in found) >= Fraction(2, 100)
    assert len(found) == pytest.approx(min(30, 30 * 50 / rate), abs=8)


@pytest.mark.parametrize("format", ANIMATIONS)
def test_transparency_is_kept(format: str, astronaut: NDArray[np.uint8], tmp_path: Path) -> None:
    frames = []
    for number in range(4):
        rgb = astronaut[100 : 100 + HEIGHT, 100 : 100 + WIDTH].copy()
        rgb[40:50] = 0  # as black as what a palette is padded with
        alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
        alpha[:, 8 * number : 8 * number + 48] = 255
        frames.append(Frame(Picture(rgb, alpha), Fraction(number, 10), Fraction(1, 10)))
    write_clip(tmp_path / "made", format, frames, 95)
    found = read((tmp_path / "made").read_bytes(), tmp_path)
    for shown, frame in zip(found, frames, strict=True):
        assert shown.picture.alpha is not None
        assert np.array_equal(shown.picture.alpha, frame.picture.alpha)
        opaque = frame.picture.alpha == 255
        assert np.abs(shown.picture.rgb.astype(int) - frame.picture.rgb)[opaque].mean() < 12


@pytest.mark.parametrize("format", ANIMATIONS)
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_it_is_shown_as_often_as_it_was(format: str, plays: int, frames: list[Frame], tmp_path: Path) -> None:
    path = tmp_path / f"clip.{format}"
    write_clip(path, format, frames, 90, plays=plays)
    assert look_at(path, Bounds()).plays == plays
