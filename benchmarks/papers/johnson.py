"""Johnson et al. 2016 (1603.08155): one pass of a network against iterations of Gatys, in loss and in time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import fmean, median

from torch import Tensor

from app.nets.architectures import ArchitectureName
from app.training.equivalent import eight_bit, first_below, gatys, judged, uniform_noise
from app.training.objective import Objective
from app.training.sheet import paint_sample, to_image
from app.training.style_trainer import StyleTrainer
from benchmarks.markdown_table import table
from benchmarks.papers.bench import Bench
from benchmarks.papers.notes import Figures, Notes
from benchmarks.papers.plots import Panel, plot
from benchmarks.papers.speed import ITERATIONS, ratio, speed

NETWORKS: tuple[ArchitectureName, ...] = ("johnson", "compact")
# What the paper found (section 4.1 and table 1): the iterations of Gatys that a pass is worth, and how much sooner it
# is done than ITERATIONS of them, on a GPU.
PAPER_EQUIVALENT = "50 to 100"
PAPER_RATIOS = {"256": "1,060", "512": "1,026", "1024": "1,042"}


def measure(bench: Bench, notes: Notes) -> None:
    size = bench.size
    recipe = bench.recipe(
        architecture="johnson", options=size.johnson_options, steps=size.johnson_steps, batch=size.johnson_batch
    )
    [style] = styles = bench.styles[:1]
    trainer = bench.train(notes, "johnson", styles, recipe)
    objective = bench.objective(styles, recipe)
    for name, photo in bench.photos(size.edge).items():
        notes.once(partial(compare, bench, objective, trainer, name, photo), what="equivalent", style=style, photo=name)
    notes.once(partial(speed, bench, NETWORKS, size.timed_edges), what="speed")


def compare(bench: Bench, objective: Objective, trainer: StyleTrainer, name: str, photo: Tensor) -> Figures:
    """The loss of the network's 8-bit picture, and Gatys' from noise after each evaluation."""
    painted = eight_bit(paint_sample(*trainer.averaged(), photo, 0)).clone()
    total = judged(objective, painted, photo, 0).total
    curve = gatys(objective, photo, 0, uniform_noise(photo), bench.size.equivalent_evaluations)
    bench.keep(to_image(painted), f"johnson-{Path(name).stem}")
    return {"total": total.item(), "gatys": curve.totals}


def report(notes: Notes) -> str:
    pairs = notes.rows("equivalent")
    cap = len(pairs[0]["gatys"])
    counts = [first_below(row["gatys"], row["total"]) for row in pairs]
    worth = table(
        ("style", "photo", "total loss of the network", f"of Gatys after {cap}", "iterations it is worth"),
        [
            [row["style"], row["photo"], f"{row['total']:.4f}", f"{min(row['gatys']):.4f}", shown(count, cap)]
            for row, count in zip(pairs, counts, strict=True)
        ]
        + [["**median**", "", "", "", f"**{shown(median(counts), cap)}** (the paper: {PAPER_EQUIVALENT})"]],
    )
    return f"{worth}\n\n{speeds(notes.rows('speed')[0]['seconds'])}"


def shown(count: float, cap: int) -> str:
    return f">={cap}" if count >= cap else f"{count:g}"


def speeds(seconds: dict[str, float]) -> str:
    lines = []
    for edge in dict.fromkeys(name.split()[1] for name in seconds):
        times = [f"{seconds[f'{name} {edge}']:.3f}" for name in ("given", "full", *NETWORKS)]
        ratios = [ratio(seconds, iteration, network, edge) for network in NETWORKS for iteration in ("given", "full")]
        lines.append([f"{edge} px", *times, *ratios, PAPER_RATIOS.get(edge, "")])
    full = "with a full VGG-16"
    times_of = ("s an iteration", f"s {full}", *(f"s a pass of `{name}`" for name in NETWORKS))
    ratios_of = [part for name in NETWORKS for part in (f"{ITERATIONS} iterations to a pass of `{name}`", full)]
    return table(("edge", *times_of, *ratios_of, "the paper"), lines)


def draw(notes: Notes, folder: Path) -> None:
    pairs, curve = notes.rows("equivalent"), notes.rows("curve")
    iterations = range(1, len(pairs[0]["gatys"]) + 1)
    mean = [fmean(values) for values in zip(*(row["gatys"] for row in pairs), strict=True)]
    level = {"one pass of the network": fmean(row["total"] for row in pairs)}
    steps = [row["step"] for row in curve]
    learned = {part: (steps, [fmean(row[part]) for row in curve]) for part in ("style", "content")}
    panels = [
        Panel("against Gatys", "iterations of Gatys", "total loss", {"Gatys from noise": (iterations, mean)}, level),
        Panel("what training did", "steps", "loss on unseen photos", learned),
    ]
    plot(folder / "papers-johnson.png", panels)
