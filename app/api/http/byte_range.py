"""Parts of a file (RFC 9110, section 14): browsers want them to play a clip, and downloads to go on."""

from __future__ import annotations

import re

from starlette.requests import Request

from app.errors import RangeNotSatisfiable

# One range: a first and a last byte, a first one alone, or the number of the last ones. Anything else is ignored.
RANGE = re.compile(r"bytes=(?:(?P<first>\d{1,18})-(?P<last>\d{0,18})|-(?P<suffix>\d{1,18}))", re.ASCII)


def wanted_range(request: Request, size: int, etag: str) -> range | None:
    """The bytes that `Range` asks for, of a file of `size` bytes; None: all of them.

    Args:
        etag: strong, of the file; with `If-Range`, a part is only of use with the parts that have the same.

    Raises:
        RangeNotSatisfiable: none of them is in the file.
    """
    found = RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or request.scope["state"].get("head") or request.headers.get("if-range", etag) != etag:
        return None
    if found["suffix"] is not None:
        wanted = range(max(0, size - int(found["suffix"])), size)
    else:
        first = int(found["first"])
        last = int(found["last"]) if found["last"] else max(first, size - 1)
        if last < first:
            return None  # it is no range
        wanted = range(first, min(last + 1, size))
    if not wanted:
        raise RangeNotSatisfiable(f"The file has {size} bytes.", size=size)
    return wanted


def content_range(part: range, size: int) -> str:
    return f"bytes {part.start}-{part.stop - 1}/{size}"
