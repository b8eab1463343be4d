"""The style images of a training as a manifest lists them."""

from __future__ import annotations

from collections.abc import Sequence

from app.model_builds.previews import preview_name
from app.model_builds.scores import Scores
from app.registry.manifest import Style
from app.training.paintings import StyleImage


def catalogued(works: Sequence[StyleImage], scores: Scores) -> tuple[Style, ...]:
    """Styles in the order of `works`, each with its provenance, its preview and, where it was scored, its losses."""
    return tuple(
        Style(
            id=work.id,
            title=work.title,
            artist=work.artist,
            year=work.year,
            licence=work.licence,
            preview=preview_name(work.id),
            losses=scores.losses.get(work.id),
        )
        for work in works
    )
