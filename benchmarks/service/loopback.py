"""Clients of a server on this machine: closed and open loops over HTTP/1.1, light enough not to be what is measured."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

GONE = 0  # the status of an answer that never came


@dataclass(frozen=True)
class Request:
    path: str
    body: bytes


@dataclass(frozen=True)
class Answer:
    """`began` is when the request was due, on the monotonic clock: waiting for a free client counts."""

    began: float
    ended: float
    status: int
    headers: Mapping[str, str]
    size: int

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Connection:
    """One connection that is kept alive, and opened again when it has been closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, request: Request, due: float | None = None) -> Answer:
        began = time.monotonic() if due is None else due
        kept = self._streams is not None
        status, headers, size = await self._try(request)
        if status == GONE and kept:
            # A server may close what has been idle in the very moment in which it is used again.
            status, headers, size = await self._try(request)
        if headers.get("connection") == "close":
            self.close()
        return Answer(began, time.monotonic(), status, headers, size)

    async def _try(self, request: Request) -> tuple[int, dict[str, str], int]:
        try:
            return await self._exchange(request)
        except (OSError, EOFError, ValueError):
            self.close()
            return GONE, {}, 0

    async def _exchange(self, request: Request) -> tuple[int, dict[str, str], int]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(head(request) + request.body)
        await writer.drain()
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split()[1]), headers, len(body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


def head(request: Request) -> bytes:
    return (
        f"POST {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
        f"Content-Length: {len(request.body)}\r\n\r\n"
    ).encode()


@dataclass
class Load:
    """What came back of one load.

    Attributes:
        seconds: from its beginning to its last answer.
    """

    answers: list[Answer] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def good(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status == 200]

    @property
    def seconds(self) -> float:
        return max((answer.ended for answer in self.answers), default=self.began) - self.began

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.good) / self.seconds if self.seconds else 0.0

    def good_between(self, began: float, ended: float) -> int:
        return sum(began <= answer.ended < ended for answer in self.good)

    @property
    def p50(self) -> float:
        return median(answer.seconds for answer in self.good) if self.good else float("nan")

    @property
    def p99(self) -> float:
        waits = [answer.seconds for answer in self.good]
        return quantiles(waits, n=100, method="inclusive")[98] if len(waits) > 1 else self.p50


@dataclass(frozen=True)
class Served:
    """What a load was served, and what that took of the server; `megabytes` are resident at its end."""

    pictures_a_second: float
    p50_ms: float
    p99_ms: float
    cpu_seconds_a_picture: float
    megabytes: float

    @property
    def served(self) -> list[str]:
        """Cells of a table."""
        waits = [f"{self.p50_ms:.0f}", f"{self.p99_ms:.0f}"]
        return [
            f"{self.pictures_a_second:.2f}",
            *waits,
            f"{self.cpu_seconds_a_picture:.3f}",
            f"{self.megabytes:.0f}",
        ]


def figures(load: Load, cpu_seconds: float, megabytes: float) -> tuple[float, ...]:
    """Of a `Served`; `cpu_seconds` are all that the load took."""
    each = cpu_seconds / len(load.good) if load.good else float("nan")
    waits = (round(load.p50 * 1000, 1), round(load.p99 * 1000, 1))
    return (round(load.rate, 3), *waits, round(each, 4), round(megabytes, 1))


async def closed_loop(port: int, requests: Sequence[Request], clients: int, seconds: float) -> Load:
    """So many clients, each of which asks again when it is answered."""
    load, turn = Load(), itertools.cycle(requests)
    end = load.began + seconds

    async def client() -> None:
        connection = Connection(port)
        while time.monotonic() < end:
            load.answers.append(await connection.post(next(turn)))
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return load


def arrivals(rate: float, seconds: float, seed: int = 0) -> Iterator[float]:
    """Seconds from the beginning: a Poisson process."""
    now, randomness = 0.0, random.Random(seed)
    while (now := now + randomness.expovariate(rate)) < seconds:
        yield now


async def open_loop(port: int, requests: Sequence[Request], rate: float, seconds: float) -> Load:
    """So many requests a second, whatever becomes of the earlier ones."""
    load, turn = Load(), itertools.cycle(requests)
    idle: list[Connection] = []

    async def one(due: float) -> None:
        connection = idle.pop() if idle else Connection(port)
        load.answers.append(await connection.post(next(turn), due))
        idle.append(connection)

    async with asyncio.TaskGroup() as group:
        for offset in arrivals(rate, seconds):
            due = load.began + offset
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(one(due))
    for connection in idle:
        connection.close()
    return load
