"""Clients that a server must bear: bodies that trickle in and never end, and senders that vanish in the middle."""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from loopback import Request, head

Kind = Callable[[asyncio.StreamWriter, Request], Awaitable[None]]

TRICKLE_SECONDS = 1.0
VANISH_SECONDS = 5.0
SPARE_FILES = 200


@asynccontextmanager
async def slow_clients(port: int, count: int, request: Request) -> AsyncIterator[None]:
    """So many of them for as long as the block lasts, half of each kind; who is cut off comes again."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < count + SPARE_FILES:
        raise SystemExit(f"Only {hard} files may be open here; ask for fewer slow clients.")
    kinds: tuple[Kind, Kind] = (trickle, vanish)
    tasks = [asyncio.create_task(again(kinds[index % 2], port, request, index)) for index in range(count)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def again(kind: Kind, port: int, request: Request, seed: int) -> None:
    await asyncio.sleep(random.Random(seed).uniform(0, VANISH_SECONDS))
    while True:
        writer = None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head(request))
            await kind(writer, request)
        except OSError:
            await asyncio.sleep(TRICKLE_SECONDS)
        finally:
            if writer is not None:
                writer.transport.abort()


async def trickle(writer: asyncio.StreamWriter, request: Request) -> None:
    """A byte at a time; the deadline of the server ends it, not the body."""
    for index in range(len(request.body) - 1):
        writer.write(request.body[index : index + 1])
        await writer.drain()
        await asyncio.sleep(TRICKLE_SECONDS)


async def vanish(writer: asyncio.StreamWriter, request: Request) -> None:
    """Half a photo, and then nobody."""
    writer.write(request.body[: len(request.body) // 2])
    await writer.drain()
    await asyncio.sleep(VANISH_SECONDS)
