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


class BoundedConnection(h11.Connection):
    """
    Attributes:
        error: what was wrong with the request, after `next_event` has raised.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=limits.header_bytes)
        self.error: PasticheError | None = None
        self._limits = limits

    def next_event(self) -> Any:
        """As h11. Raises h11.RemoteProtocolError, and stores the reason in `error`."""
        try:
            if self.their_state is h11.IDLE:
                self._check_head(self.trailing_data[0])
            event = super().next_event()
            return as_to_a_server(event) if isinstance(event, h11.Request) else event
        except h11.RemoteProtocolError as error:
            self.error = problem_of(error)
            raise

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
    # h11's sentences may quote what the client sent.
    return RequestError("This is not a valid HTTP/1.1 request.", private=str(error))
