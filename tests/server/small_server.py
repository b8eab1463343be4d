"""The HTTP server around a small ASGI application, in a thread of this process, without models."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import SimpleNamespace
from typing import Any

from app.jobs.supervisor import Supervisor
from app.server.config import ServerConfig
from app.server.listening import open_sockets
from app.server.server import Server
from app.settings import Settings

# A guard against waiting for ever, not a measure.
GUARD_SECONDS = 120
LARGE = bytes(range(256)) * 31_250  # 8 MB


async def application(scope, receive, send):
    """`/refuse` answers before the body has come; `/large` with 8 MB; `/stream` with three pieces; others echo."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await chat(receive, send)
        return
    path = scope["path"]
    if path == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one ", b"two ", b"three"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})
        return
    body = b"refused"
    if path != "/refuse":
        if (read := await body_of(receive)) is None:
            return
        body = LARGE if path == "/large" else f"{scope['method']} {path} {scope['client'][0]} ".encode() + read
    if path == "/slow":
        await asyncio.sleep(0.5)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413 if path == "/refuse" else 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def chat(receive, send):
    """Echo messages; `large` is answered with 8 MB, again and again."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        while message.get("text") == "large":
            await send({"type": "websocket.send", "bytes": LARGE})
        await send({**message, "type": "websocket.send"})


async def body_of(receive):
    """None where the client has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return body


class Running:
    """A server, and connections to it that a test makes by hand."""

    def __init__(self, server: Server, port: int, thread: threading.Thread, stack: ExitStack) -> None:
        self.server = server
        self.port = port
        self.thread = thread
        self.crowd = server.config.crowd
        self._stack = stack

    def connect(self, sent: bytes = b"", *, buffer: int | None = None, host: str = "127.0.0.1") -> socket.socket:
        """
        Args:
            buffer: bytes that the system takes for us before we read them.
        """
        connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._stack.enter_context(connection)
        connection.settimeout(GUARD_SECONDS)
        connection.connect((host, self.port))
        connection.sendall(sent)
        return connection

    def ask(self, sent: bytes) -> bytes:
        return until_closed(self.connect(sent))

    @property
    def open(self) -> int:
        return len(self.server.server_state.connections)


def until_closed(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


def until_ends_with(connection: socket.socket, end: bytes) -> bytes:
    """What comes until the answer has come to that end, which may take several pieces."""
    received = b""
    while not received.endswith(end):
        chunk = connection.recv(65_536)
        assert chunk, received
        received += chunk
    return received


def sent_until_closed(connection: socket.socket, piece: bytes, most: int) -> int:
    """Send the piece again and again, until the server ends the connection; how many bytes that were."""
    sent = 0
    with suppress(OSError):
        while sent < most:
            connection.sendall(piece)
            sent += len(piece)
    return sent


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + GUARD_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def running(host: str, settings: Settings) -> Iterator[Running]:
    [listening] = open_sockets(host, 0)
    port = listening.getsockname()[1]
    warm = asyncio.Event()
    warm.set()
    closed = SimpleNamespace(close=lambda: None)
    service: Any = SimpleNamespace(
        warmed=warm.wait, draining=False, jobs=SimpleNamespace(event_hub=closed), live=closed
    )
    server = Server(ServerConfig(application, settings), service, Supervisor(0, {}))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    with ExitStack() as stack:
        try:
            wait_for(lambda: server.started)
            yield Running(server, port, thread, stack)
        finally:
            stack.close()
            server.should_exit = True
            thread.join(GUARD_SECONDS)
