"""Reading the body: bounded for each request and over all of them, raw or multipart alike."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request

from app.api.disconnect import ClientGone
from app.errors import BodyTooLarge, Overloaded

RETRY_SECONDS = 1


class UploadBudget:
    """Bytes of bodies that are in memory now, over all requests, and the bound on them."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0

    def take(self, count: int) -> None:
        """Raises Overloaded when that many more bytes would pass the bound."""
        if self.held_bytes + count > self.limit_bytes:
            raise Overloaded("Too many uploads at once.", retry_after_seconds=RETRY_SECONDS)
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        self.held_bytes -= count


class Body:
    """One request's body as it arrives, counted against its own limit and the budget until `drop`.

    Args:
        request: its body not yet read.
        limit_bytes: the most that this body may have.
        budget: what all bodies share.
    """

    def __init__(self, request: Request, limit_bytes: int, budget: UploadBudget) -> None:
        self._receive = request.receive
        self._declared = request.headers.get("content-length", "")
        self._limit = limit_bytes
        self._budget = budget
        self._held = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come.

        Raises:
            BodyTooLarge: before anything is read if the length is declared, else at the byte that is too many.
            Overloaded: the budget is used up.
            ClientGone: the connection was closed before the end.
        """
        if self._declared.isdecimal() and int(self._declared) > self._limit:
            raise self._too_large()
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk, more = message.get("body", b""), message.get("more_body", False)
            if self._held + len(chunk) > self._limit:
                raise self._too_large()
            self._budget.take(len(chunk))
            self._held += len(chunk)
            if chunk:
                yield chunk

    async def read(self) -> bytes:
        """The whole body as one; raises as `chunks`."""
        # Joined in one go without a pause: of all requests only one has its bytes twice at a time.
        return b"".join([chunk async for chunk in self.chunks()])

    def drop(self) -> None:
        """The bytes are no longer needed. May be called again."""
        self._budget.give_back(self._held)
        self._held = 0

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body has more than the {self._limit / 1e6:g} megabytes that are read.")
