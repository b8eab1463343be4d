"""What may come before the first boundary of a form, and means nothing (RFC 2046, section 5.1.1)."""

from __future__ import annotations


class Preamble:
    """Passes on what comes from the first boundary on.

    Args:
        boundary: without the dashes before it.
    """

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"--" + boundary
        # A line's end stands before every boundary but one at the very beginning.
        self._held = b"\r\n"
        self._over = False

    @property
    def only(self) -> bool:
        """Whether bytes came, and no boundary among them."""
        return not self._over and self._held != b"\r\n"

    def strip(self, chunk: bytes) -> bytes:
        if self._over:
            return chunk
        held = self._held + chunk
        found = held.find(b"\r\n" + self._delimiter)
        if found >= 0:
            self._over, self._held = True, b""
            return held[found + 2 :]
        self._held = held[-len(self._delimiter) - 1 :]
        return b""
