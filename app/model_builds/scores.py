"""Scores of a trained model on photos that its training never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.manifest import StyleLosses
from app.training.objective import Objective
from app.training.photos import read_picture
from app.training.style_trainer import evaluate

SCORED_EDGE = 512


@dataclass(frozen=True)
class Scores:
    """Mean balanced losses by style id over unseen photos; empty where there were none."""

    photos: tuple[str, ...]
    losses: Mapping[str, StyleLosses]


def score(
    objective: Objective,
    generator: Generator,
    rows: StyleRows,
    styles: Sequence[str],
    unseen: Sequence[Path],
    device: torch.device,
) -> Scores:
    """Scores of `rows`, which are those of `styles` in the order of the objective's style images."""
    photos = [read_picture(path, SCORED_EDGE).to(device) for path in unseen]
    losses = mean_losses(objective, generator, rows, styles, photos) if photos else {}
    return Scores(tuple(path.name for path in unseen), losses)


def mean_losses(
    objective: Objective, generator: nn.Module, rows: StyleRows, styles: Sequence[str], pictures: Sequence[Tensor]
) -> dict[str, StyleLosses]:
    """By style id, over pictures (1, 3, H, W)."""
    means = evaluate(objective, generator, rows, pictures)
    return {
        style: StyleLosses(style=round(float(mean[0]), 5), content=round(float(mean[1]), 5))
        for style, mean in zip(styles, means, strict=True)
    }
