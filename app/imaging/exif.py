"""The orientation in EXIF data; the rest of it is dropped unread."""

from __future__ import annotations

import struct

ORIENTATION_TAG = 0x0112
SHORT = 3
ENTRY_BYTES = 12


def orientation(exif: bytes) -> int:
    """Tag 0x0112 of the first directory, 1 to 8; 1 (upright) where it is missing or anything is broken.

    Args:
        exif: the TIFF structure, with or without the `Exif` prefix of a JPEG.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for index in range(entries):
            entry = struct.unpack_from(order + "HHIH", tiff, directory + 2 + ENTRY_BYTES * index)
            if entry[:3] == (ORIENTATION_TAG, SHORT, 1):
                return entry[3] if 1 <= entry[3] <= 8 else 1
    except struct.error:
        pass
    return 1
