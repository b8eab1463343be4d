"""Keys that end in the length and SHA-256 of their blobs, which every read checks.

A blob that was truncated, overwritten or damaged on disk is thus never returned.
"""

from __future__ import annotations

import hashlib
import re

from app.storage.blobs import Blobs

SEAL = re.compile(r"\.(\d+)\.([0-9a-f]{64})$")


class BlobDamaged(Exception):
    """The blob has changed since it was written."""


def sealed(key: str, data: bytes) -> str:
    """The key for exactly these bytes."""
    return f"{key}.{len(data)}.{hashlib.sha256(data).hexdigest()}"


def read_sealed(blobs: Blobs, key: str) -> bytes:
    """Read a blob and check it, if its key is sealed; those of earlier versions are not.

    Raises:
        BlobDamaged, BlobNotFound, StorageUnavailable.
    """
    data = blobs.get(key)
    seal = SEAL.search(key)
    if seal and (len(data) != int(seal[1]) or hashlib.sha256(data).hexdigest() != seal[2]):
        raise BlobDamaged(f"{key} has {len(data)} bytes of another content")
    return data
