"""Bodies that come compressed (RFC 9110, section 8.4): gzip and deflate, inflated piece by piece."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from starlette.datastructures import Headers

from app.errors import MalformedBody, UnsupportedCoding

CODINGS = ("gzip", "deflate")
# So much is inflated before its length is looked at: a body of a few bytes may stand for gigabytes.
PIECE_BYTES = 262_144
GZIP_BITS, ZLIB_BITS, RAW_BITS = 31, 15, -15


def inflater_of(headers: Headers) -> Inflater | None:
    """None for a body that comes as it is. Raises UnsupportedCoding for any other than gzip or deflate, once."""
    given = ", ".join(headers.getlist("content-encoding")).lower()
    codings = [coding for member in given.split(",") if (coding := member.strip()) not in ("", "identity")]
    if not codings:
        return None
    [first, *others] = [coding.removeprefix("x-") for coding in codings]
    if others or first not in CODINGS:
        named = ", ".join(codings)[:40]
        raise UnsupportedCoding(
            f"`Content-Encoding: {named}` is not supported. Send the body uncompressed, or with one of "
            f"{', '.join(CODINGS)}."
        )
    return Inflater(first)


class Inflater:
    """
    Args:
        coding: one of CODINGS.
    """

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._state = zlib.decompressobj(GZIP_BITS) if coding == "gzip" else None
        self._whole = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes stand for, at most PIECE_BYTES at a time. Raises MalformedBody."""
        while data:
            if self._whole and self._coding == "gzip":  # one member after another, as RFC 1952 allows
                self._state, self._whole = zlib.decompressobj(GZIP_BITS), False
            if self._whole:
                raise MalformedBody("There are bytes after the end of the deflated body.")
            if self._state is None:
                self._state = zlib.decompressobj(deflate_bits(data))
            try:
                piece = self._state.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise MalformedBody(
                    f"The body is not valid {self._coding}, as its `Content-Encoding` says.", private=repr(error)
                ) from None
            self._whole = self._state.eof
            data = self._state.unused_data if self._whole else self._state.unconsumed_tail
            yield piece

    def end(self) -> None:
        """The body has come to its end. Raises MalformedBody where more was to come."""
        if not self._whole and self._state is not None:
            raise MalformedBody(f"The body ends before its {self._coding} data does.")


def deflate_bits(data: bytes) -> int:
    """`deflate` has a header of zlib by the standard, and none by what some clients send: its first byte tells."""
    return ZLIB_BITS if data[0] & 0x0F == 8 and data[0] >> 4 <= 7 else RAW_BITS
