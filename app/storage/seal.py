"""Keys that vouch for their blobs: the length and the SHA-256 stand at the end of the name, and every read checks them.

What was truncated, overwritten or damaged by its disk is never handed out as if it were the picture that was written.
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
