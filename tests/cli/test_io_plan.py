"""Which photo is painted into which file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from app.cli.io_plan import STREAM, PlannedPicture, UnusablePlan, plan_pictures


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with photos: a.jpg, b.PNG, odd and trip/{b.webp, c.jpeg, notes.txt}."""
    monkeypatch.chdir(tmp_path)
    Path("trip/nested.jpg").mkdir(parents=True)
    for name in ("a.jpg", "b.PNG", "odd", "trip/b.webp", "trip/c.jpeg", "trip/notes.txt"):
        Path(name).write_bytes(name.encode())


def plan(output: str, *inputs: str, format: str | None = None) -> list[tuple[str, str, str]]:
    plan = plan_pictures([Path(given) for given in inputs], output, format)
    return [(str(item.source), str(item.target), item.format) for item in plan]


@pytest.mark.parametrize(
    ("output", "format", "painted"),
    [
        ("out.jpg", None, "jpeg"),
        ("out.JPEG", None, "jpeg"),
        ("out.png", None, "png"),
        ("out.webp", "png", "png"),
        ("out", "webp", "webp"),
        ("-", None, "jpeg"),
        ("-", "png", "png"),
    ],
)
def test_one_photo_goes_into_the_file(output: str, format: str | None, painted: str) -> None:
    assert plan(output, "a.jpg", format=format) == [("a.jpg", output, painted)]


@pytest.mark.parametrize(("output", "target"), [("trip", "trip/a.jpg"), ("new/", "new/a.jpg")])
def test_one_photo_goes_into_a_folder_under_its_own_name(output: str, target: str) -> None:
    assert plan(output, "a.jpg") == [("a.jpg", target, "jpeg")]


def test_several_photos_keep_names_and_formats() -> None:
    assert plan("out", "a.jpg", "b.PNG") == [("a.jpg", "out/a.jpg", "jpeg"), ("b.PNG", "out/b.PNG", "png")]


def test_a_folder_stands_for_the_photos_directly_in_it() -> None:
    assert plan("out", "trip") == [
        ("trip/b.webp", "out/b.webp", "webp"),
        ("trip/c.jpeg", "out/c.jpeg", "jpeg"),
    ]


def test_another_format_changes_the_suffix_and_only_then() -> None:
    assert plan("out", "a.jpg", "b.PNG", "odd", format="png") == [
        ("a.jpg", "out/a.png", "png"),
        ("b.PNG", "out/b.PNG", "png"),
        ("odd", "out/odd.png", "png"),
    ]


def test_a_name_that_tells_no_format_becomes_a_jpeg() -> None:
    assert plan("out/", "odd") == [("odd", "out/odd.jpg", "jpeg")]


@pytest.mark.parametrize(
    ("output", "inputs", "format", "reason"),
    [
        ("a.jpg", ["a.jpg"], None, "overwritten"),
        (".", ["a.jpg"], None, "overwritten"),
        ("trip/../a.jpg", ["a.jpg"], None, "overwritten"),
        ("trip", ["trip", "a.jpg"], None, "overwritten"),
        ("out", ["b.PNG", "trip"], "jpeg", "different folders"),
        ("a.jpg", ["b.PNG", "odd"], None, "is a file"),
        ("a.jpg", ["trip"], None, "is a file"),
        ("new.jpg", ["b.PNG", "odd"], None, "one file"),
        ("new.PNG", ["trip"], None, "one file"),
        ("out", ["*.gif"], None, "Nothing matches"),
        ("out.txt", ["a.jpg"], None, "--format"),
        ("missing/out.jpg", ["a.jpg"], None, "no folder"),
        ("-", ["a.jpg", "b.PNG"], None, "single"),
        ("-", ["trip"], None, "single"),
        ("out", ["-", "a.jpg"], None, "single"),
        ("trip", ["-"], None, "no name"),
        ("out", ["trip/nested.jpg"], None, "no JPEG"),
    ],
)
def test_what_would_lose_a_picture_or_makes_no_sense_is_refused(
    output: str, inputs: list[str], format: str | None, reason: str
) -> None:
    with pytest.raises(UnusablePlan, match=reason):
        plan(output, *inputs, format=format)


def test_a_folder_may_be_named_like_a_picture_if_it_ends_like_one() -> None:
    assert plan("new.jpg/", "a.jpg", "b.PNG")[0] == ("a.jpg", "new.jpg/a.jpg", "jpeg")


def test_hidden_files_of_a_folder_are_passed_over() -> None:
    Path("trip/._b.webp").write_bytes(b"of macOS")
    assert [source for source, *_ in plan("out", "trip")] == ["trip/b.webp", "trip/c.jpeg"]


def test_a_pattern_stands_for_what_it_matches() -> None:
    assert plan("out", "trip/?.*", "*.PNG") == [
        ("trip/b.webp", "out/b.webp", "webp"),
        ("trip/c.jpeg", "out/c.jpeg", "jpeg"),
        ("b.PNG", "out/b.PNG", "png"),
    ]


def test_a_name_with_brackets_is_a_name() -> None:
    Path("a[1].jpg").write_bytes(b"")
    assert plan("out.jpg", "a[1].jpg") == [("a[1].jpg", "out.jpg", "jpeg")]


@pytest.mark.parametrize("name", ["a.heic", "a.AVIF"])
def test_a_photo_of_a_format_that_is_not_written_becomes_a_jpeg(name: str) -> None:
    assert plan("out/", name, format="jpeg") == [(name, "out/a.jpg", "jpeg")]


def test_a_photo_is_not_overwritten_through_a_link() -> None:
    Path("link.jpg").symlink_to("a.jpg")
    with pytest.raises(UnusablePlan, match="overwritten"):
        plan("link.jpg", "a.jpg")
    with pytest.raises(UnusablePlan, match="overwritten"):
        plan("a.jpg", "link.jpg")


def test_a_painting_replaces_what_the_name_stood_for() -> None:
    Path("out.jpg").write_bytes(b"older and longer")
    Path("link.jpg").symlink_to("out.jpg")
    PlannedPicture(Path("a.jpg"), Path("link.jpg"), "jpeg").write(b"new")
    assert Path("link.jpg").is_symlink()
    assert Path("out.jpg").read_bytes() == b"new"
    assert not list(Path().glob(".out*"))


def test_a_painting_that_cannot_be_written_leaves_the_older_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("out.jpg").write_bytes(b"older")

    def disk_full(path: Path, data: bytes) -> int:
        path.open("wb").close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(OSError, match="No space"):
        PlannedPicture(Path("a.jpg"), Path("out.jpg"), "jpeg").write(b"new")
    assert Path("out.jpg").read_bytes() == b"older"
    assert not list(Path().glob(".out*"))


def test_a_pipe_stays_a_pipe() -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        PlannedPicture(Path("a.jpg"), Path("pipe"), "jpeg").write(b"new")
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_the_stream_is_one_dash() -> None:
    assert plan_pictures([Path("-")], "-", None) == [PlannedPicture(STREAM, STREAM, "jpeg")]
