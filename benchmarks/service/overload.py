"""More than a server can paint: what it still paints, what it says to the others, and how soon it is over."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from benchmarks.service.contenders import Contender
from benchmarks.service.loopback import Answer, Connection, Load, Request, closed_loop, open_loop

MEMORY_EVERY_SECONDS = 0.25
PROBE_EVERY_SECONDS = 0.1
PROBE_SECONDS = 60.0
ALONE = 5  # requests one after the other, for what is normal
NORMAL = 1.5  # times that
GOOD, REFUSED = 200, 503


@dataclass(frozen=True)
class Overload:
    """What was measured; seconds, megabytes.

    Attributes:
        peak_rates: good answers a second of a closed loop, before and after.
        share_of_peak: good answers a second while the load came, over the mean of these: a machine's own speed drifts.
        without_retry_after: refusals that do not say when to come again.
        other: answers of other kinds by status; 0 are connections that broke.
        refused_p99_seconds: how long a refused client waited for that.
        retry_after: what the last refusals said, one for each time the load was stopped on one.
        accepted_after: seconds until an equal request was accepted then, nothing else coming.
        megabytes: before, in the middle of the load, at the most, and after it.
        normal_after: seconds from the last answer until a request alone took no more than 1.5 times as long as before.
    """

    peak_rates: tuple[float, float]
    offered_rate: float
    seconds: float
    good: int
    share_of_peak: float
    refused: int
    without_retry_after: int
    other: dict[int, int]
    refused_p99_seconds: float
    accepted_p50_seconds: float
    accepted_p99_seconds: float
    drained_after: float
    normal_after: float
    megabytes: tuple[float, float, float, float]
    retry_after: list[int]
    accepted_after: list[float]


async def overload(
    server: Contender, requests: Sequence[Request], clients: int, times: float, seconds: float, stops: int
) -> Overload:
    """`times` the peak for `seconds`, closed loops before and after it, then `stops` short ones to test Retry-After."""
    await closed_loop(server.port, requests, clients, 2)
    peak_seconds = max(5.0, seconds / 6)
    peak = await closed_loop(server.port, requests, clients, peak_seconds)
    alone = median([(await Connection(server.port).post(requests[0])).seconds for _ in range(ALONE)])
    before = server.megabytes
    seen, load = await watched(server, lambda: open_loop(server.port, requests, times * peak.rate, seconds))
    halfway = seen[int(seconds / 2 / MEMORY_EVERY_SECONDS)]
    last = max(answer.ended for answer in load.answers)
    slowest = NORMAL * alone
    normal_after = await until(server, requests[0], lambda found: found.status == GOOD and found.seconds <= slowest)
    after = server.megabytes
    peak_after = await closed_loop(server.port, requests, clients, peak_seconds)
    peak_rates = (peak.rate, peak_after.rate)
    tests = [await try_retry_after(server, requests, times * peak.rate, seconds) for _ in range(stops)]
    refused = Load([a for a in load.answers if a.status == REFUSED], load.began)
    waits = sorted(answer.seconds for answer in refused.answers)
    return Overload(
        peak_rates=peak_rates,
        offered_rate=times * peak.rate,
        seconds=seconds,
        good=len(load.good),
        share_of_peak=load.good_between(load.began, load.began + seconds) / seconds / mean(peak_rates),
        refused=len(waits),
        without_retry_after=sum("retry-after" not in answer.headers for answer in refused.answers),
        other=dict(Counter(a.status for a in load.answers if a.status not in (GOOD, REFUSED))),
        refused_p99_seconds=waits[int(len(waits) * 0.99)] if waits else float("nan"),
        accepted_p50_seconds=load.p50,
        accepted_p99_seconds=load.p99,
        drained_after=last - load.began - seconds,
        normal_after=normal_after,
        megabytes=(before, halfway, max(seen), after),
        retry_after=[said for said, _ in tests if said],
        accepted_after=[took for said, took in tests if said],
    )


async def watched(server: Contender, load: Callable[[], Awaitable[Load]]) -> tuple[list[float], Load]:
    """The load, and the megabytes that were seen meanwhile."""
    task, seen = asyncio.ensure_future(load()), []
    while not task.done():
        seen.append(server.megabytes)
        await asyncio.wait({task}, timeout=MEMORY_EVERY_SECONDS)
    return seen, task.result()


async def until(server: Contender, request: Request, wanted: Callable[[Answer], bool]) -> float:
    """Seconds until the request, sent again and again, was sent at a moment where its answer is as wanted."""
    began, connection = time.monotonic(), Connection(server.port)
    answer = await connection.post(request)
    while not wanted(answer) and answer.ended < began + PROBE_SECONDS:
        await asyncio.sleep(PROBE_EVERY_SECONDS)
        answer = await connection.post(request)
    connection.close()
    return answer.began - began


async def try_retry_after(
    server: Contender, requests: Sequence[Request], rate: float, seconds: float
) -> tuple[int, float]:
    """Fill the queue until one is refused, stop, and see when an equal one is accepted: what it said, and what it took.

    Nothing said (0) where nothing was refused.
    """
    refused: asyncio.Future[tuple[Request, Answer]] = asyncio.get_running_loop().create_future()

    async def one(request: Request) -> None:
        connection = Connection(server.port)
        answer = await connection.post(request)
        connection.close()
        if answer.status == REFUSED and not refused.done():
            refused.set_result((request, answer))

    tasks = []
    for index in range(int(rate * seconds)):
        if refused.done():
            break
        tasks.append(asyncio.create_task(one(requests[index % len(requests)])))
        await asyncio.sleep(1 / rate)
    if not refused.done():
        await asyncio.gather(*tasks)
        return 0, 0.0
    request, answer = refused.result()
    took = time.monotonic() - answer.ended + await accepted(server, request)
    await asyncio.gather(*tasks)
    return int(answer.headers.get("retry-after", 0)), took


async def accepted(server: Contender, request: Request) -> float:
    """Seconds until the request was taken in: refusals come at once, so the first that does not come was taken."""
    began, connection = time.monotonic(), Connection(server.port)
    while time.monotonic() < began + PROBE_SECONDS:
        sent = time.monotonic()
        if (await connection.post(request)).status == GOOD:
            return sent - began
        await asyncio.sleep(PROBE_EVERY_SECONDS)
    return float("nan")
