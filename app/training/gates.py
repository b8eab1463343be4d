"""The gates that a new version must pass before it can be served, and the warnings for its author."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from app.nets.norm import StyleRows
from app.training.equivalent import eight_bit, first_below, gatys, judged, uniform_noise
from app.training.objective import Objective
from app.training.sheet import paint_sample

# With a lower Gatys-equivalent, a style is hardly visible: the papers need 50 to 100 iterations. This is no gate, since
# how much style is enough is a matter of taste.
MIN_EQUIVALENT = 15
# Evaluations after which Gatys stops, since more would not change whether there is a warning.
EVALUATIONS = 20
GOLDEN_EDGE = 64  # pixels


@dataclass(frozen=True)
class Report:
    """The findings of the gates.

    Attributes:
        reasons: why the version must not be served; empty if it has passed.
        warnings: what its author should know, and may accept.
        figures: measurements by name.
    """

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    figures: dict[str, Any]

    @property
    def passed(self) -> bool:
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "figures": self.figures,
        }


@dataclass
class Findings:
    """Findings collected for a report."""

    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def report(self) -> Report:
        return Report(tuple(self.reasons), tuple(self.warnings), self.figures)


@dataclass(frozen=True)
class JudgedStyles:
    """The styles of a version to judge: its networks, and the index of each style in its rows and in the objective.

    Attributes:
        styles: id -> (row, index of the style image).
        pictures: photos (1, 3, H, W) that were not trained on.
    """

    generator: nn.Module
    rows: StyleRows
    objective: Objective
    styles: Mapping[str, tuple[int, int]]
    pictures: Sequence[Tensor]


class StyleAndContent(Protocol):
    """Mean balanced losses of a style."""

    @property
    def style(self) -> float: ...

    @property
    def content(self) -> float: ...


def judge_losses(findings: Findings, losses: Mapping[str, StyleAndContent]) -> None:
    """Gate: the losses of every style, on photos that were not trained on, are finite."""
    findings.figures["losses"] = {
        style: {"style": finite(mean.style), "content": finite(mean.content)} for style, mean in losses.items()
    }
    for style, mean in losses.items():
        if not math.isfinite(mean.style + mean.content):
            findings.reasons.append(f"The losses of {style} are not finite.")


def finite(value: float) -> float | None:
    """The value, or None if it is not finite, which JSON cannot express."""
    return value if math.isfinite(value) else None


def judge_paintings(findings: Findings, painted: JudgedStyles, watch: Callable[[float], None]) -> None:
    """Not a gate: warn of each style with an image worth less than `MIN_EQUIVALENT` iterations of Gatys.

    Args:
        watch: called with the fraction that is done; may raise.
    """
    counts: dict[str, list[int]] = {}
    number = len(painted.styles) * len(painted.pictures)
    for style in painted.styles:
        counts[style] = []
        for picture in painted.pictures:
            counts[style].append(equivalent(painted, style, picture))
            watch(sum(map(len, counts.values())) / number)
        if min(counts[style]) < MIN_EQUIVALENT:
            findings.warnings.append(
                f"The style {style} may look weak: its pictures are worth {min(counts[style])} iterations of Gatys "
                f"from noise at the least and {median(counts[style]):g} in the median, where {MIN_EQUIVALENT} are "
                "wanted. That does not keep it from being served; look at its pictures, and if they have too little of "
                "the style, train it longer or on more photos."
            )
    findings.figures["gatys_equivalents"] = counts
    findings.figures["gatys_evaluations"] = EVALUATIONS


def equivalent(painted: JudgedStyles, style: str, photo: Tensor) -> int:
    """Iterations of Gatys from noise that a stylized image is worth, at most `EVALUATIONS`."""
    row, painting = painted.styles[style]
    picture = eight_bit(paint_sample(painted.generator, painted.rows, photo, row)).clone()
    total = judged(painted.objective, picture, photo, painting).total.item()
    curve = gatys(painted.objective, photo, painting, uniform_noise(photo), EVALUATIONS, goal=total)
    return first_below(curve.totals, total)


def judge_tensors(findings: Findings, before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
    """Gate: every old value is unchanged, bit for bit; rows may only be appended."""
    changed = sorted(name for name in before.keys() | after.keys() if not begins_with(after, before, name))
    findings.figures["tensors_compared"] = len(before)
    if changed:
        findings.reasons.append(f"Values of the styles that were there have changed: {', '.join(changed)}.")


def begins_with(after: Mapping[str, Tensor], before: Mapping[str, Tensor], name: str) -> bool:
    if name not in after or name not in before or after[name].dtype != before[name].dtype:
        return False
    old = before[name]
    new = after[name][: len(old)] if name.startswith("rows.") else after[name]
    # Compared as bytes, so that NaN equals itself and -0 differs from 0.
    return new.shape == old.shape and new.contiguous().numpy().tobytes() == old.contiguous().numpy().tobytes()


def judge_golden(
    findings: Findings, before: tuple[nn.Module, StyleRows], after: tuple[nn.Module, StyleRows], styles: Sequence[str]
) -> None:
    """Gate: golden images of the old styles are unchanged, bit for bit.

    Args:
        before, after: generator and rows, on the same device.
        styles: ids of the old styles, in the order of their rows.
    """
    changed = []
    for row, style in enumerate(styles):
        for picture in golden_pictures():
            paintings = [paint_sample(generator, rows, picture, row) for generator, rows in (before, after)]
            if not torch.equal(*paintings):
                changed.append(style)
                break
    findings.figures["golden_styles"] = len(styles)
    if changed:
        findings.reasons.append(f"Golden pictures have changed in {', '.join(changed)}.")


def golden_pictures() -> list[Tensor]:
    """Small fixed inputs (1, 3, H, W): gradients with an edge, and noise."""
    ramp = torch.linspace(0, 1, GOLDEN_EDGE)
    colours = torch.stack(
        [ramp.expand(GOLDEN_EDGE, -1), ramp[:, None].expand(-1, GOLDEN_EDGE), ramp.flip(0) * ramp[:, None]]
    )
    colours[:, 16:48, 16:48] = 1 - colours[:, 16:48, 16:48]
    noise = torch.rand(3, GOLDEN_EDGE // 2, GOLDEN_EDGE, generator=torch.Generator().manual_seed(1))
    return [colours[None], noise[None]]


def judge_files(findings: Findings, files: Mapping[str, tuple[str, int]]) -> None:
    """Gate: no file in the manifest is empty; their sizes and SHA-256 are recorded as figures."""
    findings.figures["files"] = {name: {"sha256": sha256, "bytes": size} for name, (sha256, size) in files.items()}
    if empty := sorted(name for name, (_, size) in files.items() if not size):
        findings.reasons.append(f"Files are empty: {', '.join(empty)}.")
