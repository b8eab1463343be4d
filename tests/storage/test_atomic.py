"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.storage.atomic import filling, replacing


def test_until_it_is_written_the_file_is_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with replacing(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError), replacing(path) as part:
        part.write_text("half, and then \udfff", encoding="utf-8")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_wrote_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    folder = tmp_path / "versions" / "1"
    with filling(folder) as part:
        (part / "weights").write_bytes(b"all")
        assert not folder.exists()
    assert (folder / "weights").read_bytes() == b"all"
    assert [path.name for path in folder.parent.iterdir()] == ["1"]


def test_a_folder_that_could_not_be_filled_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError), filling(tmp_path / "1") as part:
        (part / "weights").write_text("half, and then \udfff", encoding="utf-8")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "weights").write_bytes(b"first")
    with pytest.raises(OSError, match=r".*"), filling(tmp_path / "1") as part:
        (part / "weights").write_bytes(b"second")
    assert (tmp_path / "1" / "weights").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
