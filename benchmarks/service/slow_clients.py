"""Clients that a server must bear: bodies that trickle in and never end, and senders that vanish in the middle."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from benchmarks.service.contenders import Contender
from benchmarks.service.loopback import Request, head

Kind = Callable[[asyncio.StreamWriter, Request], Awaitable[None]]

TRICKLE_SECONDS = 1.0
VANISH_SECONDS = 5.0
# Until the process runs and all clients have come.
START_SECONDS = VANISH_SECONDS + 3.0
SPARE_FILES = 200


@contextmanager
def slow_clients(port: int, count: int, request: Request) -> Iterator[Contender]:
    """So many of them for as long as the block lasts, half of each kind; who is cut off comes again.

    In a process of their own, whose CPU seconds can be told: what they take themselves is no fault of the server, and
    in the process of the good clients they would keep those waiting.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < count + SPARE_FILES:
        raise SystemExit(f"Only {hard} files may be open here; ask for fewer slow clients.")
    child = multiprocessing.get_context("spawn").Process(target=_run, args=(port, count, request), daemon=True)
    child.start()
    try:
        yield Contender("slow clients", port, child.pid or 0)
    finally:
        child.terminate()
        child.join()


def _run(port: int, count: int, request: Request) -> None:
    kinds: tuple[Kind, Kind] = (trickle, vanish)

    async def forever() -> None:
        await asyncio.gather(*(again(kinds[index % 2], port, request, index) for index in range(count)))

    asyncio.run(forever())


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
