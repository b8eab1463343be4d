"""The transport of a connection that uvicorn sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class ClientTransport:
    """asyncio's transport, which also counts what is written, and closes without losing the response.

    Closing a connection while bytes arrive resets it, and the client may never see the response. So while `lingers` is
    true, `close` only ends the sending direction; `abort` or the client ends the other.
    """

    def __init__(self, transport: asyncio.Transport, lingers: Callable[[], bool]) -> None:
        self.written = 0
        self.lingers = lingers
        self._transport = transport
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._ended or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._ended = True
        if self.lingers() and self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()
