"""Plots of the papers' measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

PANEL_INCHES = (5.2, 3.8)
DOTS_PER_INCH = 110

Points = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True)
class Panel:
    """Lines by their names, and levels that are drawn across."""

    title: str
    across: str
    up: str
    lines: Mapping[str, Points]
    levels: Mapping[str, float] = field(default_factory=dict)
    logarithmic: bool = True


def plot(path: Path, panels: Sequence[Panel]) -> None:
    """A PNG with the panels side by side."""
    figure = Figure(figsize=(PANEL_INCHES[0] * len(panels), PANEL_INCHES[1]), layout="constrained")
    for place, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), place)
        for name, (x, y) in panel.lines.items():
            axes.plot(x, y, label=name, marker="." if len(x) <= 20 else "")
        for name, level in panel.levels.items():
            axes.axhline(level, label=name, color="black", linewidth=0.8, linestyle="--")
        axes.set(title=panel.title, xlabel=panel.across, ylabel=panel.up)
        if panel.logarithmic:
            axes.set_yscale("log")
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="x-small")
    figure.savefig(path, dpi=DOTS_PER_INCH)
