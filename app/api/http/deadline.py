"""The time that a request has, from its arrival."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import DeadlineExceeded


@asynccontextmanager
async def finished_by(deadline: float) -> AsyncIterator[None]:
    """Cancel whatever the request is doing when the deadline comes, even the client's own slow upload.

    Args:
        deadline: on the monotonic clock.

    Raises:
        DeadlineExceeded: it came.
    """
    try:
        async with asyncio.timeout(deadline - time.monotonic()) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise DeadlineExceeded("The request was not finished within its time limit.") from None
        raise
