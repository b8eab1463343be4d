"""A blob is there whole or not at all, in a folder and in S3 alike."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import StorageUnavailable
from app.storage.blobs import BlobNotFound, InvalidKey, check_key, open_storage


def test_what_is_put_is_got(storage) -> None:
    data = bytes(range(256)) * 1000
    storage.put("jobs/1/result", data)
    assert storage.get("jobs/1/result") == data


def test_an_empty_blob_is_a_blob(storage) -> None:
    storage.put("empty", b"")
    assert storage.get("empty") == b""


def test_a_blob_that_is_put_again_is_replaced(storage) -> None:
    storage.put("k", b"longer before")
    storage.put("k", b"after")
    assert storage.get("k") == b"after"


@pytest.mark.parametrize("key", ["absent", "jobs/1", "jobs/1/result/below"])
def test_what_is_not_there_is_told_by_one_error(storage, key: str) -> None:
    storage.put("jobs/1/result", b"x")
    with pytest.raises(BlobNotFound):
        storage.get(key)


def test_deleting_is_repeatable(storage) -> None:
    storage.put("k", b"x")
    storage.delete("k")
    storage.delete("k")
    storage.delete_prefix("jobs/9/")
    with pytest.raises(BlobNotFound):
        storage.get("k")


def test_a_prefix_is_what_lies_below_it_and_nothing_else(storage) -> None:
    for key in ("jobs/1/a", "jobs/1/attempts/1-w/b", "jobs/10/a", "jobs/2"):
        storage.put(key, b"x")
    assert storage.list("jobs/1/") == ["jobs/1/a", "jobs/1/attempts/1-w/b"]
    assert storage.list("jobs/3/") == []
    storage.delete_prefix("jobs/1/")
    assert storage.list("jobs/") == ["jobs/10/a", "jobs/2"]


def test_more_blobs_than_one_request_takes_are_deleted(
    bucket_url: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.bucket.DELETED_AT_ONCE", 2)
    storage = open_storage(bucket_url, s3_endpoint_url=s3_server)
    for index in range(5):
        storage.put(f"many/{index}", b"")
    storage.delete_prefix("many/")
    assert storage.list("many/") == []


NO_KEYS = ("", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a b", "a\nb", "ä", "a\0")
NO_PREFIXES = ("", "/", "jobs", "../", "jobs/../")


def test_what_is_no_key_or_prefix_is_refused_before_anything_is_touched(storage) -> None:
    for key in (*NO_KEYS, "x" * 600):
        for call in (storage.get, storage.delete, lambda key: storage.put(key, b"")):
            with pytest.raises(InvalidKey):
                call(key)
    for prefix in NO_PREFIXES:
        for call in (storage.list, storage.delete_prefix):
            with pytest.raises(InvalidKey):
                call(prefix)


@given(st.text())
def test_a_key_never_leads_out_of_its_place(text: str) -> None:
    try:
        key = check_key(text)
    except InvalidKey:
        return
    assert not key.startswith("/")
    assert not {"", ".", ".."} & set(key.split("/"))


def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="ftp is no kind of storage"):
        open_storage("ftp://host/folder")


def test_a_bucket_that_is_not_there_is_no_missing_blob(s3_server: str, s3_credentials: None) -> None:
    storage = open_storage("s3://no-such-bucket", s3_endpoint_url=s3_server)
    for call in (lambda: storage.get("k"), lambda: storage.put("k", b""), lambda: storage.list("k/")):
        with pytest.raises(StorageUnavailable):
            call()


def test_a_server_that_is_not_there_is_told_in_bounded_time(s3_credentials: None) -> None:
    storage = open_storage("s3://bucket", s3_endpoint_url="http://127.0.0.1:9")
    with pytest.raises(StorageUnavailable) as told:
        storage.get("k")
    assert told.value.retry_after_seconds == 30
    assert "127.0.0.1" not in told.value.detail
    assert "127.0.0.1" in told.value.private


def test_without_its_packages_s3_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "app.storage.bucket", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"needs the package boto3; pip install '\.\[s3\]' in the checkout"):
        open_storage("s3://bucket")


def test_folders_are_the_parts_right_behind_a_prefix(storage) -> None:
    for key in ("jobs/1/a", "jobs/2/inputs/b", "jobs/10/c", "jobs/file", "styles/x"):
        storage.put(key, b"x")
    assert storage.folders("jobs/") == ["1", "10", "2"]
    assert storage.folders("models/") == []
    storage.discard_unfinished(0)
    assert storage.list("jobs/") == ["jobs/1/a", "jobs/10/c", "jobs/2/inputs/b", "jobs/file"]
