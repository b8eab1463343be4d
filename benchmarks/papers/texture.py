"""Ulyanov et al. 2016, Texture Networks (1603.03417): textures from noise alone, and photos through the same network.

How unlike two pictures of one network are is told by 1 - r, with r the correlation of their pixel values: 0 for the
same picture, 1 for two that have nothing to do with each other but their colours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from app.nets.architectures import ArchitectureName
from app.training.equivalent import eight_bit, first_below, gatys, judged, uniform_noise
from app.training.recipe import Recipe
from app.training.sheet import to_image
from app.training.style_trainer import StyleTrainer
from benchmarks.captions import strip
from benchmarks.markdown_table import table
from benchmarks.papers.bench import Bench
from benchmarks.papers.johnson import shown
from benchmarks.papers.notes import Figures, Notes
from benchmarks.papers.plots import Panel, plot
from benchmarks.papers.speed import ITERATIONS, ratio, speed

PAINTINGS = 3
SEEDS = (0, 1, 2)
# Other sizes than the one that was learned, as multiples of its width and height.
SIZES = ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0))
# What the paper found at 256 px: 20 ms against some 10 s of Gatys, "hundreds of times faster".
PAPER_RATIO = "500"
NETWORKS: tuple[ArchitectureName, ...] = ("texture", "ulyanov")


def measure(bench: Bench, notes: Notes) -> None:
    for style in bench.styles[:PAINTINGS]:
        measure_texture(bench, notes, style)
    for style in bench.styles[:PAINTINGS]:
        measure_stylising(bench, notes, style)
    notes.once(partial(speed, bench, NETWORKS, bench.size.timed_edges[:1]), what="speed")


def measure_texture(bench: Bench, notes: Notes, style: str) -> None:
    size = bench.size
    recipe = bench.recipe(
        architecture="texture",
        options=size.texture_options,
        steps=size.texture_steps,
        batch=size.texture_batch,
        crop=size.texture_crop,
        content_weight=0.0,
        # As `pastiche texture` has them for its few steps.
        learning_rate=1e-2,
        average=0.98,
    )
    trainer = bench.train(notes, f"texture-{style}", [style], recipe)
    notes.once(partial(textures, bench, trainer, style, recipe), what="texture", style=style)


def measure_stylising(bench: Bench, notes: Notes, style: str) -> None:
    size = bench.size
    recipe = bench.recipe(
        architecture="ulyanov", options=size.stylising_options, steps=size.stylising_steps, batch=size.stylising_batch
    )
    trainer = bench.train(notes, f"ulyanov-{style}", [style], recipe)
    notes.once(partial(stylised, bench, trainer, style, recipe), what="stylised", style=style)


@torch.inference_mode()
def painted(trainer: StyleTrainer, canvas: Tensor) -> list[Tensor]:
    """`canvas` (1, 3, H, W) painted once for each of SEEDS, in 8 bits."""
    generator, rows = trainer.averaged()
    row = rows(torch.tensor([0], device=canvas.device))
    seeds = (torch.tensor([seed], device=canvas.device) for seed in SEEDS)
    return [eight_bit(generator(canvas, *row, seed)).clone() for seed in seeds]


def canvases(edge: int, device: torch.device) -> Iterator[Tensor]:
    """Empty ones in SIZES, of which a texture network takes nothing but the size."""
    for width, height in SIZES:
        yield torch.zeros(1, 3, int(edge * height), int(edge * width), device=device)


def textures(bench: Bench, trainer: StyleTrainer, style: str, recipe: Recipe) -> Figures:
    """Style losses by size, diversity, and the iterations of Gatys on the style alone that the first one is worth."""
    objective = bench.objective([style], recipe)
    sizes = {canvas.shape: (canvas, painted(trainer, canvas)) for canvas in canvases(recipe.crop, bench.device)}
    losses = {
        f"{canvas.shape[3]}x{canvas.shape[2]}": fmean(judged(objective, p, canvas, 0).style.item() for p in pictures)
        for canvas, pictures in sizes.values()
    }
    canvas, pictures = next(iter(sizes.values()))
    starts = [uniform_noise(canvas), uniform_noise(canvas).flip(2)]  # upside down, it is another noise
    evaluations = bench.size.equivalent_evaluations
    curves = [gatys(objective, canvas, 0, start, evaluations) for start in starts]
    shown_pictures = [("the painting", bench.painting(style, recipe.stroke)), *zip(captions(), pictures, strict=True)]
    kept = [(name, to_image(picture)) for name, picture in [*shown_pictures, ("Gatys, from noise", curves[0].best)]]
    bench.keep(strip(kept), f"texture-{style}")
    return {
        "losses": losses,
        "worth": first_below(curves[0].totals, judged(objective, pictures[0], canvas, 0).style.item()),
        "evaluations": evaluations,
        "gatys": min(curves[0].totals),
        "diversity": diversity(pictures),
        "gatys_diversity": diversity([eight_bit(curve.best) for curve in curves]),
    }


def captions() -> list[str]:
    return [f"noise {seed}" for seed in SEEDS]


def stylised(bench: Bench, trainer: StyleTrainer, style: str, recipe: Recipe) -> Figures:
    """Losses on unseen photos, what the first one is worth in iterations of Gatys, and how much the noise decides."""
    objective = bench.objective([style], recipe)
    photos = list(bench.photos(bench.size.edge).values())
    sets = [painted(trainer, photo) for photo in photos]
    losses = [judged(objective, pictures[0], photo, 0) for photo, pictures in zip(photos, sets, strict=True)]
    evaluations = bench.size.equivalent_evaluations
    curve = gatys(objective, photos[0], 0, uniform_noise(photos[0]), evaluations)
    kept = [("the photo", photos[0]), *zip(captions(), sets[0], strict=True)]
    bench.keep(strip([(name, to_image(picture)) for name, picture in kept]), f"ulyanov-{style}")
    return {
        "style_loss": fmean(loss.style.item() for loss in losses),
        "content_loss": fmean(loss.content.item() for loss in losses),
        "worth": first_below(curve.totals, losses[0].total.item()),
        "evaluations": evaluations,
        "diversity": fmean(diversity(pictures) for pictures in sets),
    }


def diversity(pictures: Sequence[Tensor]) -> float:
    """Mean of 1 - r over all pairs, r being the mean correlation of the colour channels of two (1, 3, H, W)."""
    flat = [picture.flatten(2) - picture.flatten(2).mean(dim=2, keepdim=True) for picture in pictures]
    normed = [channels / channels.norm(dim=2, keepdim=True).clamp_min(1e-12) for channels in flat]
    return 1 - fmean((a * b).sum(dim=2).mean().item() for a, b in combinations(normed, 2))


def report(notes: Notes) -> str:
    textured, photographed = notes.rows("texture"), notes.rows("stylised")
    sizes = list(textured[0]["losses"])
    made = table(
        ("texture", *(f"style loss at {size}" for size in sizes), "Gatys'", "worth", "two seeds", "Gatys, two noises"),
        [
            [
                row["style"],
                *(f"{row['losses'][size]:.4f}" for size in sizes),
                f"{row['gatys']:.4f}",
                shown(row["worth"], row["evaluations"]),
                f"{row['diversity']:.2f}",
                f"{row['gatys_diversity']:.2f}",
            ]
            for row in textured
        ],
    )
    photos = table(
        ("photos in the style of", "style loss", "content loss", "worth", "two seeds"),
        [
            [
                row["style"],
                f"{row['style_loss']:.4f}",
                f"{row['content_loss']:.4f}",
                shown(row["worth"], row["evaluations"]),
                f"{row['diversity']:.2f}",
            ]
            for row in photographed
        ],
    )
    return f"{made}\n\n{photos}\n\n{speeds(notes.rows('speed')[0]['seconds'])}"


def speeds(seconds: dict[str, float]) -> str:
    edge = next(iter(seconds)).split()[1]
    times = [f"{seconds[f'{name} {edge}']:.3f}" for name in ("given", "full", *NETWORKS)]
    ratios = [ratio(seconds, iteration, "texture", edge) for iteration in ("given", "full")]
    full = "with a full VGG-16"
    passes = [f"s a pass of `{name}`" for name in NETWORKS]
    headings = ("edge", "s an iteration of Gatys", f"s {full}", *passes, f"{ITERATIONS} iterations to a pass", full)
    return table((*headings, "the paper"), [[f"{edge} px", *times, *ratios, PAPER_RATIO]])


def draw(notes: Notes, folder: Path) -> None:
    panels = []
    for network, title in (("texture", "textures from noise"), ("ulyanov", "photos")):
        lines: dict[str, tuple[list[float], list[float]]] = {}
        for row in notes.rows("curve"):
            kind, style = row["name"].split("-")
            if kind == network:
                steps, losses = lines.setdefault(style, ([], []))
                steps.append(row["step"])
                losses.append(row["style"][0])
        panels.append(Panel(title, "steps", "style loss", lines))
    plot(folder / "papers-texture.png", panels)
