"""The whole service against plain routes: real processes on loopback, real photos, in one run on one machine.

Each part runs when it is asked for, for each contender and each mix, and is small enough to be run alone:

    python -m benchmarks.service.serve --photos ~/photos --closed 1 4 8 --open 0.5 0.8 --seconds 20 --json serve.json
    python -m benchmarks.service.serve --overload 120
    python -m benchmarks.service.serve --slow-clients 1000

`--closed` are numbers of clients that ask again when they are answered; `--open` are arrivals at random, as shares of
the best rate of the closed loops (of 4 clients where none were asked for). The result cache is off. CPU seconds and
memory are of the server's process; all but the network are its event loop and the threads that decode and encode.
`--network` measures what the network takes in a process with nothing else to do, for what it loses beside the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS, usable_cores
from benchmarks.markdown_table import table
from benchmarks.service.contenders import COMMANDS, Contender, contender
from benchmarks.service.loopback import Load, Request, Served, closed_loop, figures, open_loop
from benchmarks.service.network_alone import network_alone
from benchmarks.service.overload import Overload, overload
from benchmarks.service.photos_to_send import MIXES, photos, requests
from benchmarks.service.slow_clients import START_SECONDS, slow_clients

OURS = "pastiche"
USUAL_CLIENTS = 4
WARM_UP_SECONDS = 2.0
HEADINGS = ("contender", "mix", "load", "good", "failed", "pictures/s", "p50 ms", "p99 ms", "CPU s/picture", "MB")
HEADINGS += ("all but the network",)


@dataclass(frozen=True, kw_only=True)
class Row(Served):
    """One load on one contender. `plain_share` is all but the network's in its CPU seconds, where that is known."""

    contender: str
    mix: str
    load: str
    good: int
    failed: int
    plain_share: float | None

    @property
    def cells(self) -> list[str]:
        plain = "" if self.plain_share is None else f"{self.plain_share:.1%}"
        return [self.contender, self.mix, self.load, str(self.good), str(self.failed), *self.served, plain]


@dataclass
class Report:
    """Everything that was measured, and on what."""

    cores: int
    rows: list[Row] = field(default_factory=list)
    overloads: dict[str, Overload] = field(default_factory=dict)
    network_cpu_seconds: dict[str, float] = field(default_factory=dict)


async def measured(server: Contender, mix: str, name: str, loading: Coroutine[Any, Any, Load]) -> Row:
    """A row of the load that `loading` puts on the server."""
    cpu, plain = server.cpu_seconds, server.plain_cpu_seconds
    load = await loading
    cpu, plain = server.cpu_seconds - cpu, server.plain_cpu_seconds - plain
    good = len(load.good)
    row = Row(
        *figures(load, cpu, server.megabytes),
        contender=server.name,
        mix=mix,
        load=name,
        good=good,
        failed=len(load.answers) - good,
        plain_share=plain / cpu if server.name == OURS and cpu else None,
    )
    print(f"| {' | '.join(row.cells)} |", flush=True)
    return row


async def loops(server: Contender, mix: str, sent: Sequence[Request], args: argparse.Namespace) -> list[Row]:
    """The closed loops, and open ones at shares of the best of them."""
    await closed_loop(server.port, sent, USUAL_CLIENTS, WARM_UP_SECONDS)
    rows = []
    for clients in args.closed or ([USUAL_CLIENTS] if args.open else []):
        loop = closed_loop(server.port, sent, clients, args.seconds)
        rows.append(await measured(server, mix, f"closed, {clients} clients", loop))
    best = max((row.pictures_a_second for row in rows), default=0.0)
    for share in args.open:
        loop = open_loop(server.port, sent, share * best, args.seconds)
        rows.append(await measured(server, mix, f"open, {share:g} of the best: {share * best:.2f}/s", loop))
    return rows


async def beside_slow_ones(server: Contender, mix: str, sent: Sequence[Request], args: argparse.Namespace) -> list[Row]:
    """The same loops without the slow clients, beside them, and after them: all that can be painted, and half of it."""
    await closed_loop(server.port, sent, USUAL_CLIENTS, WARM_UP_SECONDS)
    peak = await closed_loop(server.port, sent, USUAL_CLIENTS, args.seconds)

    async def loops(name: str) -> list[Row]:
        full = closed_loop(server.port, sent, USUAL_CLIENTS, args.seconds)
        half = open_loop(server.port, sent, peak.rate / 2, args.seconds)
        loaded = (("all", full), ("half", half))
        return [await measured(server, mix, f"{share}; {name}", loop) for share, loop in loaded]

    before = await loops("no slow clients")
    with slow_clients(server.port, args.slow_clients, sent[0]) as slow:
        await asyncio.sleep(START_SECONDS)  # until all of them are there
        began, cpu = time.monotonic(), slow.cpu_seconds
        beside = await loops(f"{args.slow_clients} slow clients")
        own = (slow.cpu_seconds - cpu) / (time.monotonic() - began)
    after = await loops("afterwards")
    print(slow_sentence(before, beside, after, own))
    return [*before, *beside, *after]


def slow_sentence(before: Sequence[Row], beside: Sequence[Row], after: Sequence[Row], own: float) -> str:
    """What slow clients change beside the mean of before and after, and cost of a core: the server, and themselves."""
    usual_rate, usual_cpu = (
        mean(getattr(rows[0], name) for rows in (before, after))
        for name in ("pictures_a_second", "cpu_seconds_a_picture")
    )
    rate, cpu = beside[0].pictures_a_second, beside[0].cpu_seconds_a_picture
    waits = [mean(getattr(rows[1], name) for rows in (before, after)) for name in ("p50_ms", "p99_ms")]
    return (
        f"\nthroughput {rate / usual_rate - 1:+.1%}; "
        f"of a core the server takes {(cpu - usual_cpu) * rate:.3f} more, the slow clients {own:.3f}\n"
        f"at half of the load: p50 {waits[0]:.0f} -> {beside[1].p50_ms:.0f} ms, "
        f"p99 {waits[1]:.0f} -> {beside[1].p99_ms:.0f} ms\n"
    )


def style_ids() -> list[str]:
    return list(Repository(SHIPPED_MODELS).load("compact").manifest.style_ids)


def run(args: argparse.Namespace, report: Report) -> None:
    sent = {mix: requests(mix, photos(args.photos), style_ids()[: args.styles]) for mix in args.mix}
    if args.closed or args.open or args.slow_clients:
        print(table(HEADINGS, []))
    for name in args.contenders if args.closed or args.open else []:
        for mix in args.mix:
            with contender(name) as server:
                report.rows += asyncio.run(loops(server, mix, sent[mix], args))
    for mix in args.mix:
        settings = {"DEADLINE_SECONDS": str(args.deadline)}
        if args.slow_clients:
            with contender(OURS, settings) as server:
                report.rows += asyncio.run(beside_slow_ones(server, mix, sent[mix], args))
        if args.overload:
            with contender(OURS, settings) as server:
                given = (args.times, args.overload, args.stops)
                report.overloads[mix] = asyncio.run(overload(server, sent[mix], 2 * USUAL_CLIENTS, *given))
            print("\n" + overload_table(mix, report.overloads[mix], args.deadline))
        if args.network:
            report.network_cpu_seconds[mix] = network_alone(list(MIXES[mix]))
            print(f"\n{mix}: {network_sentence(report, mix)}")


def overload_table(mix: str, found: Overload, deadline: float) -> str:
    """What was measured next to what is wanted."""
    pairs = zip(found.retry_after, found.accepted_after, strict=True)
    before, after = found.peak_rates
    rows = [
        (
            "offered, pictures/s",
            f"{found.offered_rate:.2f} ({found.seconds:g} s; the peak is {before:.2f} before, {after:.2f} afterwards)",
            "",
        ),
        ("good answers, share of the peak", f"{found.share_of_peak:.3f} ({found.good})", "0.95"),
        ("refused with 503", f"{found.refused}, in {found.refused_p99_seconds:.3f} s (p99)", "the rest, at once"),
        ("of these without Retry-After", str(found.without_retry_after), "0"),
        (
            "answered otherwise",
            ", ".join(f"{count} with {status}" for status, count in found.other.items()) or "0",
            "0",
        ),
        (
            "Retry-After: said and true, s",
            ", ".join(f"{said} and {took:.1f}" for said, took in pairs),
            "factor 2, or 1 s",
        ),
        (
            "accepted, p50 and p99, s",
            f"{found.accepted_p50_seconds:.2f}, {found.accepted_p99_seconds:.2f}",
            f"{deadline:g}",
        ),
        ("last answer after the load, s", f"{found.drained_after:.1f}", ""),
        ("as fast as before after that, s", f"{found.normal_after:.2f}", "1"),
        (
            "memory before, halfway, most, after, MB",
            ", ".join(f"{megabytes:.0f}" for megabytes in found.megabytes),
            "flat",
        ),
    ]
    return table((f"overload, {mix}", "measured", "wanted"), rows)


def network_sentence(report: Report, mix: str) -> str:
    network = report.network_cpu_seconds[mix]
    whole = [row.cpu_seconds_a_picture for row in report.rows if (row.contender, row.mix) == (OURS, mix)]
    sentence = f"the network alone takes {network:.3f} CPU s a picture"
    return sentence + (f", {network / median(whole):.1%} of the service's." if whole else ".")


def ratios(rows: Sequence[Row]) -> Iterator[list[str]]:
    """Our best rate over that of each other contender, by mix."""
    best: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.load.startswith("closed"):
            key = (row.contender, row.mix)
            best[key] = max(best.get(key, 0.0), row.pictures_a_second)
    for (name, mix), rate in best.items():
        if name != OURS and (OURS, mix) in best and rate:
            yield [name, mix, f"{best[OURS, mix] / rate:.2f}"]


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder of JPEGs; without it photographs of scikit-image")
    parser.add_argument("--mix", nargs="+", choices=tuple(MIXES), default=["512"])
    parser.add_argument("--styles", type=int, default=22, help="how many styles take turns")
    parser.add_argument("--contenders", nargs="+", choices=tuple(COMMANDS), default=list(COMMANDS))
    parser.add_argument("--seconds", type=float, default=20, help="of each loop")
    parser.add_argument("--closed", type=int, nargs="+", default=[], metavar="CLIENTS")
    parser.add_argument("--open", type=float, nargs="+", default=[], metavar="SHARE")
    parser.add_argument("--network", action="store_true", help="measure the network alone, too")
    parser.add_argument("--slow-clients", type=int, default=0, metavar="COUNT")
    parser.add_argument("--overload", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--times", type=float, default=3, help="load of the overload, times the peak")
    parser.add_argument("--stops", type=int, default=3, help="how often Retry-After is put to the test")
    parser.add_argument("--deadline", type=float, default=30, help="seconds, PASTICHE_DEADLINE_SECONDS of these two")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser


def main() -> None:
    args = options().parse_args()
    if not (args.closed or args.open or args.network or args.slow_clients or args.overload):
        args.closed = [USUAL_CLIENTS]
    report = Report(usable_cores())
    print(f"{report.cores} cores, load average {os.getloadavg()[0]:.1f} at the beginning\n")
    run(args, report)
    if compared := list(ratios(report.rows)):
        print("\n" + table(("against", "mix", "times the throughput"), compared))
    if args.json:
        args.json.write_text(json.dumps(asdict(report), indent=2) + "\n")


if __name__ == "__main__":
    main()
