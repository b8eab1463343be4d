"""Releasing a finished training: scores on unseen photos, previews and the card, published as a model version."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from PIL import Image
from torch import Tensor

from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture, Manifest, Style, StyleLosses
from app.registry.publish import publish
from app.training.paintings import Painting
from app.training.photos import read_picture
from app.training.sheet import paint_sample, to_image
from app.training.style_trainer import StyleTrainer, evaluate

SCORED_EDGE = 512
PREVIEW_EDGE = 384
PREVIEW_QUALITY = 88


@dataclass(frozen=True)
class Extras:
    """What a maker adds: a photo (1, 3, H, W) to paint the previews from, and Markdown for the card."""

    preview: Tensor | None
    notes: str


@dataclass(frozen=True)
class Scores:
    """Mean balanced losses by style id over unseen photos; empty where there were none."""

    photos: tuple[str, ...]
    losses: dict[str, StyleLosses]


def release(
    trainer: StyleTrainer,
    works: Sequence[Painting],
    unseen: Sequence[Path],
    models: Path,
    name: str,
    descriptor: str,
    extras: Extras,
) -> Manifest:
    """Publish the averaged weights of `trainer` as the next version of `name`."""
    generator, rows = trainer.averaged()
    scores = score(trainer, generator, rows, unseen)
    previews = {} if extras.preview is None else draw_previews(generator, rows, works, extras.preview)
    styles = tuple(
        Style(
            id=work.id,
            title=work.title,
            artist=work.artist,
            year=work.year,
            licence=work.licence,
            preview=f"previews/{work.id}.jpg" if previews else None,
            losses=scores.losses.get(work.id),
        )
        for work in works
    )
    card = write_card(name, trainer, styles, scores, descriptor, extras.notes)
    return publish(
        models,
        name,
        generator,
        rows,
        architecture=Architecture(name=trainer.recipe.architecture, options=trainer.recipe.options),
        styles=styles,
        descriptor=descriptor,
        recipe=trainer.recipe.model_dump(mode="json"),
        metrics={"scored_photos": list(scores.photos), "scored_edge": SCORED_EDGE},
        extras={"card.md": card.encode(), **previews},
    )


def score(trainer: StyleTrainer, generator: Generator, rows: StyleRows, unseen: Sequence[Path]) -> Scores:
    photos = [read_picture(path, SCORED_EDGE).to(trainer.device) for path in unseen]
    if not photos:
        return Scores((), {})
    means = evaluate(trainer.objective, generator, rows, photos)
    losses = {
        style: StyleLosses(style=round(float(mean[0]), 5), content=round(float(mean[1]), 5))
        for style, mean in zip(trainer.targets, means, strict=True)
    }
    return Scores(tuple(path.name for path in unseen), losses)


def draw_previews(generator: Generator, rows: StyleRows, works: Sequence[Painting], photo: Tensor) -> dict[str, bytes]:
    return {
        f"previews/{work.id}.jpg": to_jpeg(to_image(paint_sample(generator, rows, photo, index)))
        for index, work in enumerate(works)
    }


def to_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=PREVIEW_QUALITY)
    return buffer.getvalue()


def write_card(
    name: str, trainer: StyleTrainer, styles: Sequence[Style], scores: Scores, descriptor: str, notes: str
) -> str:
    """The card: how the version was made, what it scored, and what its maker says of it."""
    recipe = trainer.recipe
    made = (
        f"A `{recipe.architecture}` generator with {len(styles)} styles, trained for {trainer.step} steps of "
        f"{recipe.batch} crops of {recipe.crop} px, paintings at a longer edge of {recipe.stroke} px, against the loss "
        f"network `{descriptor}` ({', '.join(recipe.style_layers)}; content {recipe.content_layer} with weight "
        f"{recipe.content_weight}), on {len(trainer.photos.paths)} photos."
    )
    parts = [f"# {name}", made, notes.strip()]
    if scores.losses:
        parts += [
            f"## Scores\n\nMean balanced losses over {len(scores.photos)} photos that the training never saw, at a "
            f"longer edge of {SCORED_EDGE} px (0 is the target itself, 1 as far off as a black picture).",
            score_table(styles, scores),
            "Photos: " + ", ".join(scores.photos) + ".",
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def score_table(styles: Sequence[Style], scores: Scores) -> str:
    lines = ["| style | work | style loss | content loss |", "|---|---|---|---|"]
    for style in styles:
        losses = scores.losses[style.id]
        work = ", ".join(str(part) for part in (style.title, style.artist, style.year) if part)
        lines.append(f"| `{style.id}` | {work} | {losses.style:.4f} | {losses.content:.4f} |")
    mean = [fmean(getattr(loss, part) for loss in scores.losses.values()) for part in ("style", "content")]
    lines.append(f"| **mean** | | **{mean[0]:.4f}** | **{mean[1]:.4f}** |")
    return "\n".join(lines)
