"""The orientation in EXIF or, if only there, in XMP. The rest of both is dropped unread."""

from __future__ import annotations

import re
import struct

EXIF_PREFIX = b"Exif\0\0"
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
ORIENTATION_TAG = 0x0112
ENTRY_BYTES = 12
# `struct` formats of the integer types. The standard says a single SHORT; cameras and editors also write LONG, BYTE and
# two SHORTs, and viewers read all of these.
NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}

# As an attribute or an element, with any prefix for TIFF's namespace. A packet has a few kB.
XMP_ORIENTATION = re.compile(rb":Orientation(?:\s*=\s*[\"']|>)\s*([1-8])\s*[\"'<]")
MAX_XMP_BYTES = 1 << 20


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """1 to 8 as in EXIF; 1 (upright) if it is missing or broken. EXIF has precedence over XMP.

    Args:
        exif: the TIFF structure, with or without the `Exif` prefix of a JPEG.
        xmp: the packet.
    """
    return _in_exif(exif) or _in_xmp(xmp) or 1


def _in_exif(exif: bytes) -> int | None:
    """The value of tag 0x0112 in the first directory."""
    tiff = exif.removeprefix(EXIF_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for index in range(entries):
            at = directory + 2 + ENTRY_BYTES * index
            tag, kind, count = struct.unpack_from(order + "HHI", tiff, at)
            if tag == ORIENTATION_TAG:
                return _first_number(tiff, order, kind, count, at + 8)
    except struct.error:
        pass
    return None


def _first_number(tiff: bytes, order: str, kind: int, count: int, at: int) -> int | None:
    """The first of an entry's values, which are in its last four bytes, or where these point to."""
    letter = NUMBERS.get(kind)
    if letter is None or count == 0:
        return None
    if count * struct.calcsize(letter) > 4:
        (at,) = struct.unpack_from(order + "I", tiff, at)
    (value,) = struct.unpack_from(order + letter, tiff, at)
    return value if 1 <= value <= 8 else None


def _in_xmp(xmp: bytes) -> int | None:
    found = XMP_ORIENTATION.search(xmp[:MAX_XMP_BYTES])
    return int(found[1]) if found else None
