"""Dumoulin et al. 2017 (1610.07629): many styles in one network, each a row of gamma and beta."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from app.nets.architectures import ArchitectureName, build_generator
from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS
from app.training.equivalent import eight_bit, judged
from app.training.objective import Objective
from app.training.recipe import AddRecipe
from app.training.row_trainer import RowTrainer
from app.training.sheet import paint_sample
from app.training.style_trainer import StyleTrainer
from benchmarks.markdown_table import table
from benchmarks.papers.bench import CONTENT_WEIGHT, SHIPPED_MODEL, Bench
from benchmarks.papers.notes import Figures, Notes
from benchmarks.papers.plots import Panel, plot

ALL = "all"
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
# What the paper found with 10 styles (section 3.1), and for a new one (section 3.2, figure 8).
PAPER_CONTENT, PAPER_STYLE = "8.7 % higher", "8.9 % lower"
PAPER_ROW_STEPS, PAPER_STEPS = "5,000", "40,000"
CROWDS = (4, 16)  # styles of one photo
COUNTED: tuple[ArchitectureName, ...] = ("paper", "compact")


def measure(bench: Bench, notes: Notes) -> None:
    *known, new = bench.styles
    shared = train(bench, notes, ALL, known, bench.size.cin_steps * len(known))
    notes.once(partial(blends, bench, shared, known), what="blends", styles=known)
    for style in known:
        train(bench, notes, style, [style], bench.size.cin_steps)
    train(bench, notes, f"new-{new}", [new], bench.size.cin_steps)
    add_row(bench, notes, shared, new)
    notes.once(partial(crowds, bench), what="crowds")
    notes.once(sizes, what="bytes")


def train(bench: Bench, notes: Notes, name: str, styles: Sequence[str], steps: int) -> StyleTrainer:
    size = bench.size
    recipe = bench.recipe(architecture="compact", options=size.cin_options, steps=steps, batch=size.cin_batch)
    return bench.train(notes, name, styles, recipe)


def add_row(bench: Bench, notes: Notes, shared: StyleTrainer, style: str) -> None:
    """Gamma and beta of a style that the shared network was not trained on, and nothing else."""
    given = {"steps": bench.size.row_steps, "batch": bench.size.cin_batch}
    recipe = AddRecipe.model_validate(bench.aims() | given)
    generator, rows = shared.averaged()
    objective = bench.objective([style], recipe)
    pictures = bench.pictures([style], recipe)
    trainer = RowTrainer(recipe, (style,), generator, rows, objective, pictures, bench.device)
    score = bench.scores([style], recipe)
    bench.follow(notes, f"row-{style}", trainer, lambda: score(generator, trainer.averaged()))


def blends(bench: Bench, shared: StyleTrainer, known: Sequence[str]) -> Figures:
    """Style losses to the first and to the second style, at each of SHARES of the second, for every two neighbours."""
    generator, rows = shared.averaged()
    objective = bench.objective(known, bench.recipe())
    photos = list(bench.photos(bench.size.edge).values())
    found = {}
    for one, other in pairwise(range(len(known))):
        painted = [[paint_blend(generator, rows, photo, {one: 1 - s, other: s}) for photo in photos] for s in SHARES]
        found[f"{known[one]} to {known[other]}"] = [
            [fmean(style_losses(objective, pictures, photos, place)) for pictures in painted] for place in (one, other)
        ]
    return {"losses": found}


@torch.inference_mode()
def paint_blend(generator: Generator, rows: StyleRows, photo: Tensor, shares: Mapping[int, float]) -> Tensor:
    """(1, 3, H, W) in 8 bits, in a blend of rows by their numbers."""
    weights = torch.zeros(1, len(rows.gamma), device=photo.device)
    for row, share in shares.items():
        weights[0, row] = share
    return eight_bit(generator(photo, *rows.mix(weights))).clone()


def style_losses(objective: Objective, pictures: Sequence[Tensor], photos: Sequence[Tensor], place: int) -> list[float]:
    return [judged(objective, p, photo, place).style.item() for p, photo in zip(pictures, photos, strict=True)]


def crowds(bench: Bench) -> Figures:
    """Seconds for so many styles of one photo, in one batch and one after the other, with the shipped model."""
    model = Repository(SHIPPED_MODELS).load(SHIPPED_MODEL)
    generator, rows = model.generator.to(bench.device), model.rows.to(bench.device)
    photo = bench.photo(bench.size.edge)
    tasks: dict[str, Callable[[], object]] = {}
    for count in CROWDS:
        tasks[f"batch {count}"] = partial(paint_batch, generator, rows, photo, count)
        tasks[f"passes {count}"] = partial(paint_one_by_one, generator, rows, photo, count)
    return {"seconds": bench.watch.take_turns(tasks, bench.size.timed_rounds)}


@torch.inference_mode()
def paint_batch(generator: Generator, rows: StyleRows, photo: Tensor, count: int) -> Tensor:
    styles = torch.arange(count, device=photo.device)
    painted: Tensor = generator(photo.expand(count, -1, -1, -1), *rows(styles))
    return painted


def paint_one_by_one(generator: Generator, rows: StyleRows, photo: Tensor, count: int) -> list[Tensor]:
    return [paint_sample(generator, rows, photo, style) for style in range(count)]


def sizes() -> Figures:
    """Bytes as they are stored: weights in float16, a style's gamma and beta in float32."""
    networks = {}
    for name in COUNTED:
        generator = build_generator(name, {})
        weights = sum(p.numel() for p in generator.parameters())
        networks[name] = {"network": 2 * weights, "style": 4 * 2 * generator.features}
    return {"networks": networks}


def report(notes: Notes) -> str:
    parts = [report_sharing(notes), report_new(notes), report_blends(notes), report_costs(notes)]
    return "\n\n".join(parts)


def points(notes: Notes, name: str) -> list[dict[str, Any]]:
    """The curve of a training."""
    return [row for row in notes.rows("curve") if row["name"] == name]


def ends(notes: Notes, name: str) -> dict[str, Any]:
    """The last point of a training's curve."""
    return points(notes, name)[-1]


def report_sharing(notes: Notes) -> str:
    """Each style alone and with the others, and the mean change."""
    known = notes.rows("blends")[0]["styles"]
    shared = ends(notes, ALL)
    alone = {style: ends(notes, style) for style in known}
    lines, changes = [], []
    for place, style in enumerate(known):
        pairs = [(alone[style][part][0], shared[part][place]) for part in ("style", "content")]
        changes.append([after / before - 1 for before, after in pairs])
        lines.append([style, *(f"{value:.4f}" for pair in pairs for value in pair)])
    style_change, content_change = (fmean(change) for change in zip(*changes, strict=True))
    lines.append(["**mean change**", "", f"**{style_change:+.1%}**", "", f"**{content_change:+.1%}**"])
    lines.append(["the paper, with 10", "", PAPER_STYLE, "", PAPER_CONTENT])
    return table(("style", "style loss alone", f"with {len(known)}", "content loss alone", f"with {len(known)}"), lines)


def totals(notes: Notes, name: str) -> dict[int, float]:
    """By step, of a training of one style."""
    return {row["step"]: row["style"][0] + CONTENT_WEIGHT * row["content"][0] for row in points(notes, name)}


def new_style(notes: Notes) -> str:
    return next(str(row["name"]).removeprefix("row-") for row in notes.rows("curve") if row["name"].startswith("row-"))


def report_new(notes: Notes) -> str:
    style = new_style(notes)
    row, nothing = totals(notes, f"row-{style}"), totals(notes, f"new-{style}")
    # Of the two ends the worse: both have been there.
    goal = max(curve[max(curve)] for curve in (row, nothing))
    lines = [
        [name, str(max(curve)), f"{curve[max(curve)]:.4f}", str(next(s for s in curve if curve[s] <= goal)), paper]
        for name, curve, paper in (
            ("from nothing", nothing, PAPER_STEPS),
            ("gamma and beta alone", row, PAPER_ROW_STEPS),
        )
    ]
    return table((f"new style `{style}`", "steps", "total at the end", f"steps to {goal:.4f}", "the paper"), lines)


def report_blends(notes: Notes) -> str:
    lines = []
    for name, (to_one, to_other) in notes.rows("blends")[0]["losses"].items():
        steady = all(a < b for a, b in pairwise(to_one)) and all(a > b for a, b in pairwise(to_other))
        pairs = [f"{a:.3f} / {b:.3f}" for a, b in zip(to_one, to_other, strict=True)]
        lines.append([name, *pairs, "yes" if steady else "no"])
    headings = ("style loss to the one / to the other", *(f"{share:g}" for share in SHARES), "monotone")
    return table(headings, lines)


def report_costs(notes: Notes) -> str:
    seconds = notes.rows("crowds")[0]["seconds"]
    crowd = []
    for count in CROWDS:
        batch, passes = (seconds[f"{kind} {count}"] for kind in ("batch", "passes"))
        crowd.append([f"{count} styles of one photo", f"{batch:.3f}", f"{passes:.3f}", f"{passes / batch:.2f}"])
    bytes_ = [
        [f"`{name}`", f"{found['style']:,}", f"{found['network']:,}", f"{found['network'] / found['style']:.0f}"]
        for name, found in notes.rows("bytes")[0]["networks"].items()
    ]
    times = table(("", "s in one batch", "s in as many passes", "ratio"), crowd)
    stored = table(("network", "bytes a style", "bytes of a network", "ratio"), bytes_)
    return f"{times}\n\n{stored}"


def draw(notes: Notes, folder: Path) -> None:
    style = new_style(notes)
    lines = {}
    for label, name in (("from nothing", f"new-{style}"), ("gamma and beta alone", f"row-{style}")):
        found = totals(notes, name)
        lines[label] = (list(found), list(found.values()))
    shares = notes.rows("blends")[0]["losses"]
    name, (to_one, to_other) = next(iter(shares.items()))
    blend = {"to the one": (SHARES, to_one), "to the other": (SHARES, to_other)}
    panels = [
        Panel(f"the new style {style}", "steps", "total loss on unseen photos", lines),
        Panel(name, "share of the other", "style loss", blend),
    ]
    plot(folder / "papers-cin.png", panels)
