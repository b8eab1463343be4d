"""Ulyanov et al. 2016, Instance Normalization (1607.08022): the same networks with batch and instance normalisation.

Seed, photos and steps are the same, and so are the weights at the start: the norms have no random ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import Tensor

from app.training.sheet import paint_sample, to_image
from app.training.style_trainer import StyleTrainer
from benchmarks.captions import strip
from benchmarks.markdown_table import table
from benchmarks.papers.bench import CONTENT_WEIGHT, Bench
from benchmarks.papers.notes import Figures, Notes
from benchmarks.papers.plots import Panel, plot

ARCHITECTURES = ("johnson", "ulyanov")
NORMS = ("batch", "instance")
# Of the input's contrast, around the mean of each colour; values may leave 0..1, which no file could hold.
CONTRASTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)


def measure(bench: Bench, notes: Notes) -> None:
    for architecture, norm in product(ARCHITECTURES, NORMS):
        about = {"architecture": architecture, "norm": norm}
        trainer = train(bench, notes, about)
        notes.once(partial(contrasts, bench, trainer, f"{architecture}-{norm}"), what="contrast", **about)


def train(bench: Bench, notes: Notes, about: Mapping[str, Any]) -> StyleTrainer:
    size = bench.size
    options = size.norm_options[about["architecture"]]
    recipe = bench.recipe(**about, options=options, steps=size.norm_steps, batch=size.norm_batch)
    name = f"{about['architecture']}-{about['norm']}"
    styles = bench.styles[:1]
    return bench.train(notes, name, styles, recipe)


def contrasts(bench: Bench, trainer: StyleTrainer, name: str) -> Figures:
    """How much the painting changes with the contrast: root mean square, as a share of the painting's deviation."""
    model = trainer.averaged()
    changes: list[list[float]] = []
    for photo in bench.photos(bench.size.edge).values():
        whole = paint_sample(*model, photo, 0)
        pictures = [paint_sample(*model, contrasted(photo, share), 0) for share in CONTRASTS]
        changes.append([((p - whole).square().mean().sqrt() / whole.std()).item() for p in pictures])
    bench.keep(strip([(f"contrast {c:g}", to_image(p)) for c, p in zip(CONTRASTS, pictures, strict=True)]), name)
    return {"changes": [fmean(of_contrast) for of_contrast in zip(*changes, strict=True)]}


def contrasted(photo: Tensor, contrast: float) -> Tensor:
    """(1, 3, H, W) with so many times the contrast, not clipped."""
    mean = photo.mean(dim=(2, 3), keepdim=True)
    return mean + contrast * (photo - mean)


def curves(notes: Notes, name: str) -> tuple[list[int], list[float], list[float]]:
    """Steps, style and content losses of a training."""
    rows = [row for row in notes.rows("curve") if row["name"] == name]
    return [row["step"] for row in rows], [row["style"][0] for row in rows], [row["content"][0] for row in rows]


def report(notes: Notes) -> str:
    lines = []
    for architecture, norm in product(ARCHITECTURES, NORMS):
        steps, style, content = curves(notes, f"{architecture}-{norm}")
        middle = len(steps) // 2 - 1
        figures = [f"{losses[place]:.4f}" for losses in (style, content) for place in (middle, -1)]
        total = style[-1] + CONTENT_WEIGHT * content[-1]
        lines.append([f"`{architecture}`", norm, *figures, f"**{total:.4f}**"])
    at = (f"step {steps[middle]}", f"step {steps[-1]}")
    headings = ("network", "norm", f"style, {at[0]}", at[1], f"content, {at[0]}", at[1], "total at the end")
    changed = table(
        ("change of the painting, contrast times", *(f"{contrast:g}" for contrast in CONTRASTS)),
        [
            [f"`{row['architecture']}`, {row['norm']}", *(f"{change:.3f}" for change in row["changes"])]
            for row in notes.rows("contrast")
        ],
    )
    return f"{table(headings, lines)}\n\n{changed}"


def draw(notes: Notes, folder: Path) -> None:
    panels = []
    for architecture, (place, part) in product(ARCHITECTURES, enumerate(("style", "content"), start=1)):
        found = {norm: curves(notes, f"{architecture}-{norm}") for norm in NORMS}
        lines = {norm: (curve[0], curve[place]) for norm, curve in found.items()}
        panels.append(Panel(f"{architecture}: {part}", "steps", "loss on unseen photos", lines))
    plot(folder / "papers-norm.png", panels)
