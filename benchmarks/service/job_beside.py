"""What clients of the fast path notice of a Gatys job beside it, where OpenMP's threads sleep and where they spin.

Real processes, as `pastiche serve` starts them. For each way to wait, a server is measured over loopback first alone,
then while its worker paints a job. The ways take turns, round by round; the table has the medians of the rounds. Where
the two lines without a job differ much, something else on the machine decided, and the other lines say nothing.

    python -m benchmarks.service.job_beside --rounds 3 --seconds 20
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import httpx

from benchmarks.markdown_table import table
from benchmarks.service.contenders import contender
from benchmarks.service.loopback import Load, closed_loop
from benchmarks.service.photos_to_send import BUILT_IN, jpeg_of, photos, requests

# As the package sets it (app/__init__.py), and what OpenMP of GNU does by itself: 300,000 turns are its default.
SLEEPING: Mapping[str, str] = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
SPINNING: Mapping[str, str] = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "300000"}
WAYS = {"sleep (as shipped)": SLEEPING, "spin (OpenMP's default)": SPINNING}
# So long that it outlasts the measurement, and within the bound of one job's work.
JOB = {"iterations": 2000, "tolerance": 0}
STYLE = "starry_night"
WARM_UP_SECONDS = 2.0
START_SECONDS = 120
HEADINGS = (
    "threads that wait",
    "job beside it",
    "requests",
    "p50 ms",
    "p99 ms",
    "times the p50 alone",
    "iterations/min",
)


@dataclass(frozen=True)
class Measured:
    """Milliseconds of whole requests, and iterations a minute of the job beside them, None without one."""

    requests: int
    p50_ms: float
    p99_ms: float
    iterations_a_minute: float | None = None


def measured(load: Load, iterations: float | None = None) -> Measured:
    pace = None if iterations is None else 60 * iterations / load.seconds
    return Measured(len(load.good), 1000 * load.p50, 1000 * load.p99, pace)


@contextmanager
def job(client: httpx.Client, size: int) -> Iterator[str]:
    """The path of a Gatys job that has done its first iterations and goes on; it is cancelled afterwards."""
    content, style = (jpeg_of(path, size, size) for path in BUILT_IN[:2])
    made = client.post("/v1/jobs", data={**JOB, "size": size}, files={"content": content, "style": style})
    made.raise_for_status()
    path = made.headers["Location"]
    give_up_at = time.monotonic() + START_SECONDS
    while not iterations(client, path):
        if time.monotonic() > give_up_at:
            raise SystemExit("The job did not begin.")
        time.sleep(0.2)
    try:
        yield path
    finally:
        client.delete(path)


def iterations(client: httpx.Client, path: str) -> int:
    """That the job has done."""
    losses = client.get(path).json()["losses"]
    return int(losses[-1]["iteration"]) if losses else 0


def measure(way: Mapping[str, str], job_size: int, seconds: float) -> tuple[Measured, Measured]:
    """Without and with a job."""
    with contender("pastiche", {"WORKERS": "1"}, way) as server:
        sent = requests("512", photos(None), [STYLE])

        def loop(length: float) -> Load:
            return asyncio.run(closed_loop(server.port, sent, 1, length))

        loop(WARM_UP_SECONDS)
        alone = measured(loop(seconds))
        with (
            httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60) as client,
            job(client, job_size) as path,
        ):
            before = iterations(client, path)
            load = loop(seconds)
            return alone, measured(load, iterations(client, path) - before)


def rows(found: Mapping[str, Sequence[tuple[Measured, Measured]]]) -> Iterator[list[str]]:
    """Two for each way: medians over its rounds, and the median of the rounds' own ratios."""
    for way, rounds in found.items():
        alone, beside = zip(*rounds, strict=True)
        ratio = median(with_job.p50_ms / without.p50_ms for without, with_job in rounds)
        pace = median(each.iterations_a_minute or 0.0 for each in beside)
        yield [way, "none", *waits(alone), "", ""]
        yield [way, "Gatys", *waits(beside), f"{ratio:.2f}", f"{pace:.0f}"]


def waits(each: Sequence[Measured]) -> list[str]:
    """The requests of all rounds, and their medians."""
    medians = (median(one.p50_ms for one in each), median(one.p99_ms for one in each))
    return [str(sum(one.requests for one in each)), *(f"{milliseconds:.0f}" for milliseconds in medians)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job-size", type=int, default=256, help="longer edge of the job's picture in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two measurements of a round")
    args = parser.parse_args(arguments)
    found: dict[str, list[tuple[Measured, Measured]]] = {way: [] for way in WAYS}
    for _ in range(args.rounds):
        for way, variables in WAYS.items():
            found[way].append(measure(variables, args.job_size, args.seconds))
    print(table(HEADINGS, list(rows(found))))


if __name__ == "__main__":
    main()
