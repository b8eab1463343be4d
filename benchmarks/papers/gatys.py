"""Gatys et al. 2015 (1508.06576): from noise and from the photo, how the loss falls, and how long it takes.

The transfer is the one of the jobs, with `recipe="paper"`: full size, L-BFGS, the paper's sums as losses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from app.gatys.options import PAPER, GatysOptions
from app.gatys.transfer import Transfer
from app.nets.descriptor import Descriptor
from benchmarks.markdown_table import table
from benchmarks.papers.bench import Bench
from benchmarks.papers.notes import Figures, Notes
from benchmarks.papers.plots import Panel, plot

STARTS = ("noise", "content")
# Iterations that are timed at once: L-BFGS tries more than one step in some.
TIMED = 3
SHOWN = (1, 10, 30, 100, 200, 300, 500)
LOSSES = ("total", "style", "content")


def measure(bench: Bench, notes: Notes) -> None:
    for start in STARTS:
        notes.once(partial(curve, bench, start), what="curve", start=start)
    notes.once(partial(seconds, bench), what="seconds")


def transfer(bench: Bench, edge: int, iterations: int, network: Descriptor | None = None, **options: Any) -> Transfer:
    """As the paper has it, with the bench's loss network or another one."""
    chosen = GatysOptions(recipe="paper", size=edge, iterations=iterations, seed=bench.setting.seed, **options)
    style = (bench.painting(bench.styles[0], edge), 1.0)
    return Transfer(bench.photo(edge), [style], network or bench.descriptor(), chosen)


def curve(bench: Bench, start: str) -> Figures:
    """Losses after each iteration; that of iteration 0 is the start's own."""
    size = bench.size
    work = transfer(bench, size.curve_edge, size.curve_iterations, start=start)
    losses = [work.descent.losses, *(iteration.losses for iteration in work.run())]
    bench.keep(Image.fromarray(work.picture()), f"gatys-{start}")
    return {"edge": size.curve_edge} | {name: [getattr(loss, name) for loss in losses] for name in LOSSES}


def seconds(bench: Bench) -> Figures:
    """Seconds of one iteration from noise by edge, the edges taking turns."""
    rounds = bench.size.timed_rounds
    works = {str(edge): transfer(bench, edge, endless(rounds)) for edge in bench.size.timed_edges}
    taken = bench.watch.take_turns({edge: advance(work) for edge, work in works.items()}, rounds)
    return {"iteration": {edge: value / TIMED for edge, value in taken.items()}}


def endless(rounds: int) -> int:
    """Iterations that so many rounds of timing do not come to the end of."""
    return 2 * TIMED * (rounds + 1)


def advance(work: Transfer, iterations: int = TIMED) -> Callable[[], object]:
    """Does so many iterations at each call."""
    run = work.run()
    return lambda: list(islice(run, iterations))


def report(notes: Notes) -> str:
    curves = {row["start"]: row for row in notes.rows("curve")}
    last = len(curves["noise"]["total"]) - 1
    shown = sorted({count for count in SHOWN if count < last} | {last})
    base = curves["noise"]["total"][last]
    losses = table(
        (f"total loss at {curves['noise']['edge']} px, relative to the last from noise, after", *map(str, shown)),
        [[f"from {start}", *(f"{row['total'][count] / base:.2f}" for count in shown)] for start, row in curves.items()],
    )
    [taken] = notes.rows("seconds")
    iterations = PAPER["iterations"]
    times = table(
        ("edge", "seconds an iteration", f"{iterations} times that"),
        [[f"{edge} px", f"{value:.3f}", f"{value * iterations:.0f} s"] for edge, value in taken["iteration"].items()],
    )
    return f"{losses}\n\n{times}"


def draw(notes: Notes, folder: Path) -> None:
    panels = [
        Panel(
            f"{name} loss",
            "iterations",
            "the paper's sums",
            {f"from {row['start']}": (range(len(row[name])), row[name]) for row in notes.rows("curve")},
        )
        for name in LOSSES
    ]
    plot(folder / "papers-gatys.png", panels)
