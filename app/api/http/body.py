"""Reading the body: bounded for each request and over all of them, raw or multipart alike.

When the bound over all is reached, bodies that arrive too slowly make room for others: otherwise a few clients that
stop in the middle of a large body would lock everybody out until their deadlines.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

from starlette.requests import Request
from starlette.types import Message

from app.api.http.content_coding import inflater_of
from app.api.http.disconnect import ClientGone
from app.errors import BodyTooLarge, Overloaded

RETRY_SECONDS = 1
# A client that sends less than this in that time may be cut off when others need the room: 8 kB/s, less than any phone.
STEP_BYTES = 16_384
STALL_SECONDS = 2.0


class UploadBudget:
    """Bytes of bodies that are in memory now, over all requests, and the bound on them.

    Args:
        clock: monotonic, in seconds.
    """

    def __init__(self, limit_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._clock = clock
        # Bodies that are being received, and when each last came a step further: the slowest first.
        self._receiving: OrderedDict[Body, float] = OrderedDict()

    def take(self, count: int) -> None:
        """Raises Overloaded when that many more bytes would pass the bound, and no slow body can make room for them."""
        while self.held_bytes + count > self.limit_bytes and (stalled := self._stalled()) is not None:
            stalled.cut_off()
        if self.held_bytes + count > self.limit_bytes:
            raise Overloaded("Too many uploads are in progress.", retry_after_seconds=RETRY_SECONDS)
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        self.held_bytes -= count

    def note_step(self, body: Body) -> None:
        """The body has begun to arrive, or more of it has arrived."""
        self._receiving[body] = self._clock()
        self._receiving.move_to_end(body)

    def forget(self, body: Body) -> None:
        """The body has ended, in whichever way. May be called again."""
        self._receiving.pop(body, None)

    def _stalled(self) -> Body | None:
        body, since = next(iter(self._receiving.items()), (None, 0.0))
        return body if self._clock() - since >= STALL_SECONDS else None


class Body:
    """One request's body as it arrives, counted against its own limit and the budget until `drop`.

    Args:
        request: its body not yet read.
        limit_bytes: the most that this body may have.
        budget: what all bodies share.
    """

    def __init__(self, request: Request, limit_bytes: int, budget: UploadBudget) -> None:
        self._receive = request.receive
        self._headers = request.headers
        self._declared = request.headers.get("content-length", "")
        self._limit = limit_bytes
        self._budget = budget
        self._held = 0
        self._came = 0
        self._cut_off = False
        self._waiting: asyncio.Timeout | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come, or what they stand for where they are compressed.

        Raises:
            UnsupportedCoding: compressed in another way than gzip or deflate.
            MalformedBody: not compressed as it says.
            BodyTooLarge: before anything is read if the length is declared, else at the byte that is too many.
            Overloaded: the budget is used up, or this body came too slowly while others needed the room.
            ClientGone: the connection was closed before the end.
        """
        if self._declared.isdecimal() and int(self._declared) > self._limit:
            raise self._too_large()
        inflater = inflater_of(self._headers)
        self._budget.note_step(self)
        try:
            more = True
            while more:
                message = await self._next_message()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk, more = message.get("body", b""), message.get("more_body", False)
                for piece in [chunk] if inflater is None else inflater.pieces(chunk):
                    self._take(piece)
                    if self._cut_off:  # just before the message came, or by its own bytes
                        raise too_slow()
                    if piece:
                        yield piece
                    if inflater is not None:
                        await asyncio.sleep(0)  # others have their turn while a small chunk becomes a large one
            if inflater is not None:
                inflater.end()
        finally:
            self._budget.forget(self)

    async def _next_message(self) -> Message:
        """Raises Overloaded when the wait is cut off."""
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await self._receive()
        except TimeoutError:
            raise too_slow() from None
        finally:
            self._waiting = None

    def _take(self, chunk: bytes) -> None:
        if self._came + len(chunk) > self._limit:
            raise self._too_large()
        before = self._came // STEP_BYTES
        self._came += len(chunk)
        if self._came // STEP_BYTES > before:
            self._budget.note_step(self)
        self._budget.take(len(chunk))
        self._held += len(chunk)

    async def read(self) -> bytes:
        """The whole body as one; raises as `chunks`."""
        # Joined in one go without a pause: of all requests only one has its bytes twice at a time.
        return b"".join([chunk async for chunk in self.chunks()])

    def cut_off(self) -> None:
        """Let go of what has come, and end the wait for the rest: `chunks` raises Overloaded."""
        self._cut_off = True
        self.drop()
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    def drop(self) -> None:
        """The bytes are no longer needed. May be called again."""
        self._budget.forget(self)
        self._budget.give_back(self._held)
        self._held = 0

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body has more than the allowed {self._limit / 1e6:g} megabytes.")


def too_slow() -> Overloaded:
    return Overloaded("The body arrived too slowly while others needed the room.", retry_after_seconds=RETRY_SECONDS)
