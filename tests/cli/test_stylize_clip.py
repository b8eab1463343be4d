"""`pastiche stylize clip.mp4`: a clip in, a clip or its frames out."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import structlog
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner, Result

from app.cli import cli
from app.cli.io_plan import UnusablePlan
from app.cli.stylize_clip import plan_clip
from app.imaging.picture import Picture
from app.video.bounds import Bounds
from app.video.frame import Frame
from app.video.reading import open_clip
from app.video.writing import write_clip

Pastiche = Callable[..., Result]
TIMES = [Fraction(0), Fraction(1, 10), Fraction(3, 10)]


@pytest.fixture
def clip(tmp_path: Path, astronaut: NDArray[np.uint8]) -> Path:
    """Three frames of 64 x 48 pixels, at times that vary."""
    crops = [np.ascontiguousarray(astronaut[100:148, start : start + 64]) for start in (100, 104, 108)]
    frames = [Frame(Picture(crop), seconds, Fraction(1, 10)) for crop, seconds in zip(crops, TIMES, strict=True)]
    path = tmp_path / "clip.mp4"
    write_clip(path, "mp4", frames, 95)
    return path


@pytest.fixture
def pastiche(models_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pastiche:
    monkeypatch.setenv("PASTICHE_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("PASTICHE_DEVICE", "cpu")
    monkeypatch.setenv("PASTICHE_PRECISION", "float32")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        logging = structlog.get_config()  # the command sets up its process's own
        try:
            return CliRunner().invoke(cli, ["stylize", "-s", "starry_night", *map(str, arguments)])
        finally:
            structlog.configure(**logging)

    return run


def frames_of(path: Path) -> list[Frame]:
    source = open_clip(path, Bounds())
    try:
        return list(source.frames())
    finally:
        source.close()


@pytest.mark.parametrize("format", ["mp4", "webm", "gif", "webp"])
def test_a_clip_becomes_a_stylized_clip_with_its_size_and_times(format: str, pastiche: Pastiche, clip: Path) -> None:
    assert pastiche(clip, "-o", f"out.{format}").exit_code == 0
    found = frames_of(Path(f"out.{format}"))
    assert [float(frame.seconds) for frame in found] == pytest.approx(list(map(float, TIMES)), abs=0.002)
    for painted, frame in zip(found, frames_of(clip), strict=True):
        assert (painted.picture.width, painted.picture.height) == (64, 48)
        assert np.abs(painted.picture.rgb.astype(int) - frame.picture.rgb).mean() > 10


def test_a_clip_becomes_a_folder_of_frames_and_one_becomes_a_clip(pastiche: Pastiche, clip: Path) -> None:
    assert pastiche(clip, "-o", "frames/", "--format", "png").exit_code == 0
    assert sorted(path.name for path in Path("frames").iterdir()) == ["000001.png", "000002.png", "000003.png"]
    assert pastiche("frames", "-o", "back.mp4", "--frames", "25").exit_code == 0
    assert [float(frame.seconds) for frame in frames_of(Path("back.mp4"))] == pytest.approx([0, 0.04, 0.08])


def test_what_stays_in_a_clip_keeps_its_strokes(
    pastiche: Pastiche, tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "still").mkdir()
    for number in range(4):
        noisy = np.clip(astronaut[100:196, 100:228] + rng.normal(0, 3, (96, 128, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / "still" / f"{number}.png")
    changes = {}
    for way in ("--steady", "--no-steady"):
        assert pastiche("still", "-o", f"{way}/", "--frames", "25", "--format", "png", way).exit_code == 0
        frames = [np.asarray(Image.open(path)).astype(int) for path in sorted(Path(way).iterdir())]
        changes[way] = np.abs(np.diff(frames, axis=0)).mean()
        assert len(frames) == 4
    assert changes["--steady"] < changes["--no-steady"] / 2
    assert np.array_equal(*(np.asarray(Image.open(f"{way}/000001.png")) for way in changes))


def test_size_is_the_longer_edge_of_a_frame(pastiche: Pastiche, clip: Path) -> None:
    assert pastiche(clip, "-o", "small.webp", "--size", "32").exit_code == 0
    with Image.open("small.webp") as image:
        assert image.size == (32, 24)


def test_a_damaged_clip_fails_with_a_sentence_and_leaves_what_was_there(pastiche: Pastiche, clip: Path) -> None:
    clip.write_bytes(clip.read_bytes()[:200])
    Path("out.mp4").write_bytes(b"earlier")
    result = pastiche(clip, "-o", "out.mp4")
    assert result.exit_code == 1
    assert "There is no moving picture in the file." in result.stderr
    assert Path("out.mp4").read_bytes() == b"earlier"
    assert sorted(path.name for path in Path().iterdir()) == ["clip.mp4", "out.mp4"]


def test_photos_are_no_clip(tmp_path: Path, photos: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "still.webp")
    assert plan_clip([photos / "coffee.png", tmp_path / "still.webp"], "out/", None, None) is None
    assert plan_clip([tmp_path], "out/", None, None) is None


@pytest.mark.parametrize(
    ("inputs", "output", "rate", "reason"),
    [
        (["a.mp4", "b.jpg"], "out/", None, "stylized alone"),
        (["a.mp4"], "out.jpg", None, "ends in .mp4"),
        (["a.mp4"], "a.mp4", None, "the clip itself"),
        (["a.mp4"], "nowhere/b.mp4", None, "no folder nowhere"),
        (["a.mp4"], "b.mp4", 25.0, "--frames wants a folder"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_read(
    inputs: list[str], output: str, rate: float | None, reason: str
) -> None:
    with pytest.raises(UnusablePlan, match=reason):
        plan_clip([Path(name) for name in inputs], output, None, rate)


def test_a_style_becomes_another_one_from_the_first_frame_to_the_last(pastiche: Pastiche, clip: Path) -> None:
    for name, options in {"start": (), "end": ("-s", "the_scream"), "way": ("--styles-end", "the_scream")}.items():
        assert pastiche(clip, "-o", f"{name}/", "--format", "png", "--no-steady", *options).exit_code == 0
    start, end, way = (
        [np.asarray(Image.open(path)).astype(int) for path in sorted(Path(name).iterdir())]
        for name in ("start", "end", "way")
    )
    assert np.array_equal(way[0], start[0])
    assert np.array_equal(way[-1], end[-1])
    # A third of its time has passed, so more of the first style is left.
    assert 0 < np.abs(way[1] - start[1]).mean() < np.abs(way[1] - end[1]).mean()


def test_only_a_clip_has_another_style_at_its_end(pastiche: Pastiche, photos: Path) -> None:
    result = pastiche(photos / "coffee.png", "-o", "out.png", "--styles-end", "the_scream")
    assert result.exit_code == 2
    assert "--styles-end goes with --styles, for a clip." in result.stderr
