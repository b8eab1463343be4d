"""Blobs by key: the interface of stores, the rules for keys, and opening a store by URL."""

from __future__ import annotations

import builtins
import re
from typing import Protocol
from urllib.parse import unquote, urlsplit

# Parts that are not hidden and cannot lead to a parent folder, in any file system and any bucket.
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
# Seconds until a client should retry if the storage does not work; a full disk takes an operator a while.
RETRY_AFTER_SECONDS = 30
KEY_CHARACTERS = 512


class BlobNotFound(LookupError):
    """There is no blob with this key."""


class InvalidKey(ValueError):
    """The key is not valid: a part is no plain name, or it is too long."""


class Blobs(Protocol):
    """A store of blobs. Keys are paths such as `jobs/1/result`; prefixes are keys followed by a slash.

    Every method raises InvalidKey for an invalid key, and StorageUnavailable if the store does not work.
    """

    def put(self, key: str, data: bytes) -> None:
        """Write a blob atomically, replacing any with that key."""

    def get(self, key: str) -> bytes:
        """Read a blob. Raises BlobNotFound."""

    def delete(self, key: str) -> None:
        """Delete a blob, if it exists."""

    def delete_prefix(self, prefix: str) -> None:
        """Delete all blobs whose keys begin with `prefix`, if there are any."""

    def list(self, prefix: str) -> list[str]:
        """Keys that begin with `prefix`, sorted."""

    def folders(self, prefix: str) -> builtins.list[str]:
        """The names directly below `prefix` that are prefixes themselves, sorted."""

    def discard_unfinished(self, older_than_seconds: float) -> None:
        """Delete what writers that died have left behind, which has no key."""


def check_key(key: str) -> str:
    if len(key) > KEY_CHARACTERS or not KEY.fullmatch(key):
        raise InvalidKey(f"{key[:KEY_CHARACTERS]!r} is no key of a blob")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix without its slash. Without one, `jobs/1` would also mean `jobs/10`."""
    if not prefix.endswith("/"):
        raise InvalidKey(f"the prefix {prefix[:KEY_CHARACTERS]!r} does not end with a slash")
    return check_key(prefix[:-1])


def open_storage(url: str, *, s3_endpoint_url: str | None = None) -> Blobs:
    """The store at `file:///folder` or `s3://bucket/prefix`; nothing is connected to yet.

    Raises:
        ValueError: for any other URL.
        ModuleNotFoundError: S3 without the packages of the extra `s3`.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "file":
            from app.storage.folder import Folder

            return Folder(unquote(parts.path))
        case "s3":
            try:
                from app.storage.bucket import Bucket  # imported here: boto3 is an extra, and slow to import
            except ModuleNotFoundError as error:
                raise ModuleNotFoundError(
                    f"s3:// needs the package {error.name}; pip install '.[s3]' in the checkout"
                ) from error

            return Bucket(parts.netloc, parts.path.strip("/"), s3_endpoint_url)
        case _:
            raise ValueError(f"{parts.scheme or 'nothing'} is no kind of storage")
