"""The card: how a version was made, its scores, and its maker's notes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from app.model_builds.scores import SCORED_EDGE, Scores
from app.registry.manifest import Appended, Style
from app.training.recipe import AddRecipe, Recipe

LOSSES = ("style", "content")


def write_card(
    name: str, recipe: Recipe, styles: Sequence[Style], scores: Scores, descriptor: str, pictures: str, notes: str
) -> str:
    """Of a model that was trained whole, on `pictures`, such as "40 photos"; textures come from noise."""
    textures = recipe.architecture == "texture"
    content = "" if textures else f"; content {recipe.content_layer} with weight {recipe.content_weight}"
    made = (
        f"A `{recipe.architecture}` generator with {counted(len(styles), 'style')}, trained for {recipe.steps} steps "
        f"of {counted(recipe.batch, 'crop')} of {recipe.crop} px, style images at a longer edge of {recipe.stroke} px, "
        f"against the loss network `{descriptor}` ({', '.join(recipe.style_layers)}{content}), "
        f"{'from noise alone' if textures else f'on {pictures}'}."
    )
    scored = score_parts("##", styles, scores, LOSSES[:1] if textures else LOSSES)
    parts = [f"# {name}", made, notes.strip(), *scored]
    return "\n\n".join(part for part in parts if part) + "\n"


def append_to_card(card: str, recipe: AddRecipe, styles: Sequence[Style], scores: Scores, appended: Appended) -> str:
    """The card of the base with a section on the styles that were added to it."""
    works = "; ".join(f"`{style.id}` ({describe(style)})" for style in styles)
    starts = ", ".join(origin.start for origin in appended.styles.values())
    made = (
        f"{works}: rows alone, trained for {recipe.steps} steps of {recipe.batch} crops of {recipe.crop} px on "
        f"{appended.pictures}, against the loss network `{appended.descriptor}`, from the rows of: {starts}. Every "
        f"other value is that of {appended.base}, to the bit."
    )
    parts = [card.strip(), f"## Added to {appended.base}", made, *score_parts("###", styles, scores)]
    return "\n\n".join(part for part in parts if part) + "\n"


def score_parts(heading: str, styles: Sequence[Style], scores: Scores, losses: Sequence[str] = LOSSES) -> list[str]:
    if not scores.losses:
        return []
    photos = f"{len(scores.photos)} photos"
    with_content = "content" in losses
    over = f"over {photos} that the training never saw" if with_content else f"of textures in the sizes of {photos}"
    return [
        f"{heading} Scores\n\nMean balanced losses {over}, at a longer edge of {SCORED_EDGE} px (0 is the target "
        "itself, 1 as far off as a black picture).",
        score_table(styles, scores, losses),
        *(["Photos: " + ", ".join(scores.photos) + "."] if with_content else []),
    ]


def score_table(styles: Sequence[Style], scores: Scores, losses: Sequence[str]) -> str:
    lines = [["style", "work", *(f"{loss} loss" for loss in losses)], ["---"] * (2 + len(losses))]
    for style in styles:
        found = [f"{getattr(scores.losses[style.id], loss):.4f}" for loss in losses]
        lines.append([f"`{style.id}`", describe(style), *found])
    means = [fmean(getattr(of_style, loss) for of_style in scores.losses.values()) for loss in losses]
    lines.append(["**mean**", "", *(f"**{mean:.4f}**" for mean in means)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def describe(style: Style) -> str:
    """Title, artist and year. What an operator typed must not become markup of the card."""
    work = ", ".join(str(part) for part in (style.title, style.artist, style.year) if part)
    return "".join("\\" + c if c in r"\`*_[]<>|#" else c for c in " ".join(work.split()))
