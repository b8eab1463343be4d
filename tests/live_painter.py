"""A client of `/v1/live`, and a network that can be held."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

GUARD_SECONDS = 120


class Painter:
    """One session; a context, at whose end it is closed."""

    def __init__(self, url: str, key: str | None = None, **options: Any) -> None:
        offers = [Subprotocol("pastiche.live"), *([] if key is None else [offer_of(key)])]
        opening = connect(
            url.replace("http", "ws", 1).rstrip("/") + "/v1/live",
            subprotocols=offers,
            compression=None,
            open_timeout=GUARD_SECONDS,
            close_timeout=GUARD_SECONDS,
            ping_interval=None,
            **options,
        )
        self._stack = ExitStack()
        self.socket: ClientConnection = self._stack.enter_context(opening)

    def __enter__(self) -> Painter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def send(self, frame: bytes) -> None:
        self.socket.send(frame)

    def choose(self, **options: Any) -> dict[str, Any]:
        """Send options, and return the answer."""
        self.socket.send(json.dumps(options))
        return self.said()

    def said(self) -> dict[str, Any]:
        """The next message, which is text."""
        text = self.socket.recv(GUARD_SECONDS)
        assert isinstance(text, str)
        found: dict[str, Any] = json.loads(text)
        return found

    def picture(self) -> tuple[dict[str, Any], bytes]:
        """The next answer: what is said of it, and the file."""
        said = self.said()
        assert "picture" in said, said
        data = self.socket.recv(GUARD_SECONDS)
        assert isinstance(data, bytes)
        return said["picture"], data

    def problem(self) -> dict[str, Any]:
        said = self.said()
        assert "problem" in said, said
        found: dict[str, Any] = said["problem"]
        return found

    def end_after_problem(self) -> tuple[str, int]:
        """The type of the problem that comes next, and the code of the close after it."""
        return self.problem()["type"], self.end()[0]

    def end(self) -> tuple[int, str]:
        """The code and the reason of the close that comes next."""
        try:
            said = self.socket.recv(GUARD_SECONDS)
        except ConnectionClosed:
            assert self.socket.protocol.close_rcvd is not None
            return self.socket.protocol.close_rcvd.code, self.socket.protocol.close_rcvd.reason
        raise AssertionError(said)


def offer_of(key: str) -> Subprotocol:
    return Subprotocol("pastiche.key." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("="))


class Brush:
    """Counts what the networks paint, which waits for `gate`."""

    def __init__(self, monkeypatch: Any) -> None:
        from app.engine.stylizer import Stylizer

        self.begun = 0
        self.gate = threading.Event()
        self.gate.set()
        original = Stylizer.paint

        def paint(stylizer: Any, pictures: Any, blends: Any, *repainting: Any) -> Any:
            self.begun += len(pictures)
            assert self.gate.wait(GUARD_SECONDS)
            return original(stylizer, pictures, blends, *repainting)

        monkeypatch.setattr(Stylizer, "paint", paint)
