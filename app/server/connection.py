"""h11's connection, with limits on a request's headers."""

from __future__ import annotations

import re
from typing import Any

import h11

from app.errors import HeadersTooLarge, PasticheError, RequestError
from app.server.limits import Limits

HEAD_END = re.compile(rb"\n\r?\n")
# The absolute form, as sent to proxies, which servers must accept as well (RFC 9112, section 3.2.2).
ABSOLUTE_FORM = re.compile(rb"https?://[^/?]*", re.IGNORECASE)
# A chunk of a body takes h11 7 us, however small it is, and the event loop somewhat more: 2 MB of chunks of one byte
# would take it for seconds. Clients that send a file line by line have 256 bytes a chunk.
FREE_CHUNKS = 1000
MIN_CHUNK_BYTES = 64


class TooManyChunks(h11.RemoteProtocolError):
    """A body in chunks that are too small."""


class BoundedConnection(h11.Connection):
    """
    Attributes:
        error: what was wrong with the request, after `next_event` has raised.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=limits.header_bytes)
        self.error: PasticheError | None = None
        self._limits = limits
        # Of the request's body until now.
        self._chunks = 0
        self._chunk_bytes = 0
        self._skipped = False

    def next_event(self) -> Any:
        """As h11. Raises h11.RemoteProtocolError, and stores the reason in `error`."""
        try:
            if self.their_state is h11.IDLE:
                self._skip_empty_line()
                self._check_head(self.trailing_data[0])
            event = super().next_event()
            if isinstance(event, h11.Data):
                self._check_chunks(event)
            if not isinstance(event, h11.Request):
                return event
            self._chunks = self._chunk_bytes = 0
            self._skipped = False
            check_framing(event)
            return as_to_a_server(event)
        except h11.RemoteProtocolError as error:
            self.error = problem_of(error)
            raise

    def _skip_empty_line(self) -> None:
        """Skip one before a request: old clients send it after a body (RFC 9112, section 2.2). h11 refuses it."""
        if not self._skipped and self.trailing_data[0].startswith(b"\r\n"):
            self._skipped = True
            self._receive_buffer.maybe_extract_at_most(2)

    def _check_head(self, data: bytes) -> None:
        """Check limits before parsing: many small headers cost more than their bytes."""
        end = HEAD_END.search(data)
        size = len(data) if end is None else end.start()
        if size > self._limits.header_bytes:
            raise h11.RemoteProtocolError(
                f"The headers have more than {self._limits.header_bytes / 1000:g} kilobytes.", 431
            )
        if data.count(b"\n", 0, size) > self._limits.header_lines:
            raise h11.RemoteProtocolError(f"The request has more than {self._limits.header_lines} headers.", 431)

    def _check_chunks(self, data: h11.Data) -> None:
        self._chunks += data.chunk_start
        self._chunk_bytes += len(data.data)
        if self._chunks > FREE_CHUNKS and self._chunk_bytes < self._chunks * MIN_CHUNK_BYTES:
            raise TooManyChunks(
                f"The body comes in too many chunks: send at least {MIN_CHUNK_BYTES} bytes in one on average."
            )


def check_framing(request: h11.Request) -> None:
    """Refuse a body of two lengths: what stands in front may have read the other one (RFC 9112, section 6.3)."""
    names = {name for name, _ in request.headers}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")


def as_to_a_server(request: h11.Request) -> h11.Request:
    """The request with only the path as its target. Raises h11.RemoteProtocolError for other HTTP versions."""
    if not request.http_version.startswith(b"1."):
        raise h11.RemoteProtocolError("another version of HTTP")
    absolute = ABSOLUTE_FORM.match(request.target)
    if absolute is None:
        return request
    rest = request.target[absolute.end() :]
    target = rest if rest.startswith(b"/") else b"/" + rest
    return h11.Request(method=request.method, target=target, headers=request.headers, http_version=request.http_version)


def problem_of(error: h11.RemoteProtocolError) -> PasticheError:
    if error.error_status_hint == HeadersTooLarge.status:
        return HeadersTooLarge(f"{str(error).removesuffix('.')}. Send fewer, or shorter ones.")
    if isinstance(error, TooManyChunks):
        return RequestError(str(error))
    # h11's sentences may quote what the client sent.
    return RequestError("This is not a valid HTTP/1.1 request.", private=str(error))
