"""How threads and processes share cores best: real servers with every split, over some numbers of cores.

The servers are bound to the cores (as by `taskset`), the clients as well. Several processes are servers of their own
that the clients take in turns, as a proxy in front of them would. `none` is a server without a setting: what it finds
by itself. Linux.

    python -m benchmarks.service.cores --photos ~/photos --json cores.json
    python -m benchmarks.service.cores --cores 16 --splits 1x16x16 2x8x8 4x4x4
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from app.machine import affinity
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS
from benchmarks.markdown_table import table
from benchmarks.service.contenders import Contender, contender
from benchmarks.service.loopback import Load, Request, Served, closed_loop, figures
from benchmarks.service.photos_to_send import MIXES, photos, requests

WARM_UP_SECONDS = 2.0
# One client for how long a request takes, some for how many can be painted.
ALONE, CROWD = 1, 4
HEADINGS = ("cores", "split", "clients", "pictures/s", "p50 ms", "p99 ms", "CPU s/picture", "MB")


@dataclass(frozen=True)
class Split:
    """So many processes, with so many threads of the network and so many that decode and encode in each."""

    processes: int
    engine_threads: int
    codec_threads: int

    @classmethod
    def parse(cls, text: str) -> Split:
        """`2x1x1`. ValueError for anything else."""
        processes, engine, codec = (int(part) for part in text.split("x"))
        if min(processes, engine, codec) < 1:
            raise ValueError("a split has one of everything at least")
        return cls(processes, engine, codec)

    def __str__(self) -> str:
        return f"{self.processes}x{self.engine_threads}x{self.codec_threads}"

    @property
    def settings(self) -> dict[str, str]:
        return {"ENGINE_THREADS": str(self.engine_threads), "CODEC_THREADS": str(self.codec_threads)}


@dataclass(frozen=True, kw_only=True)
class Row(Served):
    """One load on one split; seconds and megabytes of all its processes."""

    cores: int
    split: str
    clients: int

    @property
    def cells(self) -> list[str]:
        return [str(self.cores), self.split, str(self.clients), *self.served]


def splits(cores: int) -> list[Split]:
    """Worth trying: all threads in one process, fewer of either kind, and processes that share the cores."""
    half = max(1, cores // 2)
    alone = [Split(1, cores, cores), Split(1, cores, half), Split(1, half, cores), Split(1, half, half)]
    shared = [Split(count, cores // count, cores // count) for count in range(2, cores + 1) if cores % count == 0]
    return list(dict.fromkeys([*alone, *shared]))


@contextmanager
def bound_to(cores: int) -> Iterator[None]:
    """This process, and those that it starts, on the last so many of the cores that it has."""
    before = affinity()
    os.sched_setaffinity(0, set(sorted(before)[-cores:]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def servers(split: Split | None) -> Iterator[list[Contender]]:
    with ExitStack() as stack:
        count, settings = (split.processes, split.settings) if split else (1, {})
        yield [stack.enter_context(contender("pastiche", settings)) for _ in range(count)]


async def loops(ports: Sequence[int], sent: Sequence[Request], clients: int, seconds: float) -> Load:
    """Clients of all servers at once, as evenly as they can be; one alone goes to the first."""
    shares = [len(range(place, clients, len(ports))) for place in range(len(ports))]
    parts = await asyncio.gather(
        *(closed_loop(port, sent, share, seconds) for port, share in zip(ports, shares, strict=True) if share)
    )
    return Load([answer for part in parts for answer in part.answers], min(part.began for part in parts))


def measure(cores: int, split: Split | None, sent: Sequence[Request], crowd: int, seconds: float) -> list[Row]:
    rows = []
    with bound_to(cores), servers(split) as running:
        ports = [server.port for server in running]
        asyncio.run(loops(ports, sent, len(ports), WARM_UP_SECONDS))
        for clients in (ALONE, crowd):
            cpu = sum(server.cpu_seconds for server in running)
            load = asyncio.run(loops(ports, sent, clients, seconds))
            cpu = sum(server.cpu_seconds for server in running) - cpu
            found = figures(load, cpu, sum(server.megabytes for server in running))
            rows.append(Row(*found, cores=cores, split=str(split or "none"), clients=clients))
            print(f"| {' | '.join(rows[-1].cells)} |", flush=True)
    return rows


def sentences(rows: Sequence[Row]) -> Iterator[str]:
    """For each number of cores the best split, and what the server reaches that finds its own."""
    for cores in dict.fromkeys(row.cores for row in rows):
        busy = [row for row in rows if row.cores == cores and row.clients != ALONE]
        best = max(busy, key=lambda row: row.pictures_a_second)
        said = f"{cores} cores: {best.split} is the best with {best.pictures_a_second:.2f} pictures/s"
        own = [row.pictures_a_second / best.pictures_a_second for row in busy if row.split == "none"]
        yield said + (f"; without a setting {own[0]:.1%} of that." if own else ".")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of JPEGs; without it photographs of scikit-image")
    parser.add_argument("--mix", choices=tuple(MIXES), default="512")
    parser.add_argument("--cores", type=int, nargs="+", help="1 and all that there are")
    parser.add_argument(
        "--splits",
        type=Split.parse,
        nargs="+",
        metavar="PROCESSESxENGINExCODEC",
        help="for every number of cores; some that are worth trying",
    )
    parser.add_argument("--clients", type=int, default=CROWD, help="of the closed loop beside that of one client")
    parser.add_argument("--seconds", type=float, default=12, help="of each loop")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser


def main() -> None:
    args = options().parse_args()
    there = len(affinity())
    if any(cores > there for cores in args.cores or []):
        raise SystemExit(f"There are {there} cores.")
    sent = requests(args.mix, photos(args.photos), Repository(SHIPPED_MODELS).load("compact").manifest.style_ids)
    print(f"{there} cores, load average {os.getloadavg()[0]:.1f} at the beginning\n")
    print(table(HEADINGS, []))
    rows: list[Row] = []
    for cores in args.cores or sorted({1, there}):
        for split in [None, *(args.splits or splits(cores))]:
            rows += measure(cores, split, sent, args.clients, args.seconds)
    print("", *sentences(rows), sep="\n")
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
