"""Keys with the length and SHA-256 of their blobs at the end; every read checks them.

So a blob that was truncated, overwritten or damaged on disk is never returned as if it were what was written.
"""

from __future__ import annotations

import hashlib
import re

from app.storage.blobs import Blobs

SEAL = re.compile(r"\.(\d+)\.([0-9a-f]{64})$")


class BlobDamaged(Exception):
    """A blob is not what was written under its key."""


def sealed(key: str, data: bytes) -> str:
    """The key for these very bytes."""
    return f"{key}.{len(data)}.{hashlib.sha256(data).hexdigest()}"


def read_sealed(blobs: Blobs, key: str) -> bytes:
    """The blob, checked if its key is sealed; keys of earlier versions are not.

    Raises:
        BlobDamaged, BlobNotFound, StorageUnavailable.
    """
    data = blobs.get(key)
    seal = SEAL.search(key)
    if seal and (len(data) != int(seal[1]) or hashlib.sha256(data).hexdigest() != seal[2]):
        raise BlobDamaged(f"{key} has {len(data)} bytes of another content")
    return data
