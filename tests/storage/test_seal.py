"""A sealed key vouches for its blob."""

from __future__ import annotations

import pytest

from app.storage.blobs import check_key
from app.storage.folder import Folder
from app.storage.seal import BlobDamaged, read_sealed, sealed


def test_what_was_written_is_read_and_nothing_else(tmp_path) -> None:
    storage = Folder(tmp_path)
    key = sealed("jobs/1/result", b"picture")
    assert check_key(key).startswith("jobs/1/result.7.")
    storage.put(key, b"picture")
    assert read_sealed(storage, key) == b"picture"
    for damaged in (b"pictur", b"", b"pictures", b"Picture"):
        storage.put(key, damaged)
        with pytest.raises(BlobDamaged):
            read_sealed(storage, key)


def test_a_key_without_a_seal_is_read_as_it_is(tmp_path) -> None:
    storage = Folder(tmp_path)
    storage.put("jobs/1/result", b"picture")
    assert read_sealed(storage, "jobs/1/result") == b"picture"
