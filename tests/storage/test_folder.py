"""What only a folder has to take care of: crashes, races, and a disk that refuses."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import StorageUnavailable
from app.storage.blobs import BlobNotFound
from app.storage.folder import Folder


def test_a_blob_that_could_not_be_written_whole_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    folder.put("k", b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageUnavailable) as told:
        folder.put("k", b"after")
    assert folder.get("k") == b"before"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["k"]
    assert "No space" in told.value.private
    assert told.value.retry_after_seconds == 30
    assert "No space" not in told.value.detail


def test_a_half_written_blob_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / ".4d2f").touch()
    assert Folder(tmp_path).list("jobs/") == []


def test_a_reader_sees_one_blob_or_the_other_and_never_a_mixture(tmp_path: Path) -> None:
    folder, blobs = Folder(tmp_path), {b"a" * 100_000, b"b" * 50_000}
    folder.put("k", b"a" * 100_000)
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            for data in blobs:
                folder.put("k", data)

    writer = threading.Thread(target=write)
    writer.start()
    seen = {folder.get("k") for _ in range(300)}
    over.set()
    writer.join()
    assert seen <= blobs


def test_writing_below_a_prefix_that_is_deleted_meanwhile_never_fails(tmp_path: Path) -> None:
    folder, over = Folder(tmp_path), threading.Event()

    def work(call) -> None:
        while not over.is_set():
            call()
            over.wait(0.002)

    calls = (lambda: folder.put("p/q/k", b"x"), lambda: folder.delete_prefix("p/"), lambda: folder.list("p/"))
    with ThreadPoolExecutor(len(calls)) as threads:
        working = [threads.submit(work, call) for call in calls]
        over.wait(0.5)
        over.set()
    for work_done in working:
        work_done.result()


def test_a_folder_in_a_blobs_place_is_no_blob(tmp_path: Path) -> None:
    (tmp_path / "k").mkdir()
    with pytest.raises(BlobNotFound):
        Folder(tmp_path).get("k")


def test_what_writers_that_died_have_left_goes_once_it_is_old(tmp_path: Path) -> None:
    storage = Folder(tmp_path)
    storage.discard_unfinished(60)  # there is nothing yet
    storage.put("jobs/1/result", b"whole")
    old, fresh = tmp_path / ".parts" / ".old", tmp_path / ".parts" / ".fresh"
    for part in (old, fresh):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    storage.discard_unfinished(60)
    assert [part.name for part in (tmp_path / ".parts").iterdir()] == [".fresh"]
    assert storage.get("jobs/1/result") == b"whole"
