"""The card: how a version was made, what it scored, and what its maker says of it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from app.registry.manifest import Appended, Style
from app.releases.scores import SCORED_EDGE, Scores
from app.training.recipe import AddRecipe, Recipe


def write_card(
    name: str, recipe: Recipe, styles: Sequence[Style], scores: Scores, descriptor: str, pictures: str, notes: str
) -> str:
    """Of a model that was trained whole, on `pictures`, such as "40 photos"."""
    made = (
        f"A `{recipe.architecture}` generator with {len(styles)} styles, trained for {recipe.steps} steps of "
        f"{recipe.batch} crops of {recipe.crop} px, paintings at a longer edge of {recipe.stroke} px, against the loss "
        f"network `{descriptor}` ({', '.join(recipe.style_layers)}; content {recipe.content_layer} with weight "
        f"{recipe.content_weight}), on {pictures}."
    )
    parts = [f"# {name}", made, notes.strip(), *score_parts("##", styles, scores)]
    return "\n\n".join(part for part in parts if part) + "\n"


def append_to_card(card: str, recipe: AddRecipe, styles: Sequence[Style], scores: Scores, appended: Appended) -> str:
    """The card of the base with a section on the styles that were added to it."""
    works = "; ".join(f"`{style.id}` ({describe(style)})" for style in styles)
    starts = ", ".join(origin.started_from or "the mean of all rows" for origin in appended.styles.values())
    made = (
        f"{works}: rows alone, trained for {recipe.steps} steps of {recipe.batch} crops of {recipe.crop} px on "
        f"{appended.pictures}, against the loss network `{appended.descriptor}`, from the rows of: {starts}. Every "
        f"other value is that of {appended.base}, to the bit."
    )
    parts = [card.strip(), f"## Added to {appended.base}", made, *score_parts("###", styles, scores)]
    return "\n\n".join(part for part in parts if part) + "\n"


def score_parts(heading: str, styles: Sequence[Style], scores: Scores) -> list[str]:
    if not scores.losses:
        return []
    return [
        f"{heading} Scores\n\nMean balanced losses over {len(scores.photos)} photos that the training never saw, at a "
        f"longer edge of {SCORED_EDGE} px (0 is the target itself, 1 as far off as a black picture).",
        score_table(styles, scores),
        "Photos: " + ", ".join(scores.photos) + ".",
    ]


def score_table(styles: Sequence[Style], scores: Scores) -> str:
    lines = ["| style | work | style loss | content loss |", "|---|---|---|---|"]
    for style in styles:
        losses = scores.losses[style.id]
        lines.append(f"| `{style.id}` | {describe(style)} | {losses.style:.4f} | {losses.content:.4f} |")
    mean = [fmean(getattr(loss, part) for loss in scores.losses.values()) for part in ("style", "content")]
    lines.append(f"| **mean** | | **{mean[0]:.4f}** | **{mean[1]:.4f}** |")
    return "\n".join(lines)


def describe(style: Style) -> str:
    """Title, artist and year. What an operator typed must not become markup of the card."""
    work = ", ".join(str(part) for part in (style.title, style.artist, style.year) if part)
    return "".join("\\" + c if c in r"\`*_[]<>|#" else c for c in " ".join(work.split()))
