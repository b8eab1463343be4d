"""Gatys' descents, each computed once: they depend on photo, painting and loss network, and on no generator.

A line of the file is one descent: what it depends on, and total and style loss at each evaluation. Its picture of the
lowest total lies, as a file can hold it, in a folder beside the file. A longer descent begins like a shorter one: its
losses answer for that, too, its picture does not.
"""

from __future__ import annotations

import hashlib
import json
import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from app.training.equivalent import Curve, first_below
from app.training.photos import read_picture
from app.training.sheet import to_image

Start = Literal["noise", "photo"]
STARTS: tuple[Start, ...] = ("noise", "photo")
DIGITS = 8  # of a loss: all that a float32 has


def add_curve_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--curves", type=Path, required=True, help="file of Gatys' descents; what it lacks is computed and added"
    )
    parser.add_argument("--iterations", type=int, default=100, help="evaluations that Gatys is given")
    parser.add_argument("--known", action="store_true", help="only what the descents in --curves tell; none is run")


def digest(content: bytes) -> str:
    """Enough of the SHA-256 to tell files apart."""
    return hashlib.sha256(content).hexdigest()[:16]


@dataclass(frozen=True)
class Descent:
    """Everything that a curve depends on but its length: digests of files, edges in pixels, layers."""

    network: str
    style_layers: tuple[str, ...]
    content_layer: str
    painting: str
    painting_edge: int
    photo: str
    edge: int
    start: Start

    @property
    def name(self) -> str:
        return digest(json.dumps(asdict(self)).encode())


@dataclass(frozen=True)
class Losses:
    """Total and style loss at each of so many `iterations`; fewer values if the descent came to rest before."""

    iterations: int
    totals: list[float]
    styles: list[float]

    def worth(self, total: float) -> int:
        """Iterations that were not enough to be better than `total`; all of them if none was."""
        return self._count(self.totals, total)

    def worth_of_style(self, style: float) -> int:
        return self._count(self.styles, style)

    def _count(self, losses: list[float], goal: float) -> int:
        count = first_below(losses, goal)
        return count if count < len(losses) else self.iterations

    def first(self, iterations: int) -> Losses:
        return Losses(iterations, self.totals[:iterations], self.styles[:iterations])


class Curves:
    """The descents of a file, to which those are added that it lacks. Several processes may share the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[Descent, Losses] = {}
        for descent, losses in read(path):
            self._remember(descent, losses)

    def known(self, descent: Descent, iterations: int) -> Losses | None:
        """Of so many iterations, if the file has them."""
        losses = self._known.get(descent)
        return losses.first(iterations) if losses and losses.iterations >= iterations else None

    def losses(self, descent: Descent, iterations: int, compute: Callable[[], Curve]) -> Losses:
        """Of so many iterations; `compute` is called where they are not known."""
        if self.known(descent, iterations) is None:
            self._add(descent, iterations, compute())
        return self._known[descent].first(iterations)

    def picture(self, descent: Descent, iterations: int, compute: Callable[[], Curve]) -> Tensor:
        """The best one (1, 3, H, W) of so many iterations; `compute` is called where there is no file of it."""
        if not self.file(descent, iterations).exists():
            self._add(descent, iterations, compute())
        return read_picture(self.file(descent, iterations), descent.edge)

    def file(self, descent: Descent, iterations: int) -> Path:
        """Where the picture of so many iterations is, or will be."""
        return self.path.with_suffix("") / f"{descent.name}-{descent.start}-{iterations}.png"

    def _remember(self, descent: Descent, losses: Losses) -> None:
        known = self._known.get(descent)
        if known is None or known.iterations < losses.iterations:
            self._known[descent] = losses

    def _add(self, descent: Descent, iterations: int, curve: Curve) -> None:
        totals, styles = ([float(f"{loss:.{DIGITS}g}") for loss in losses] for losses in (curve.totals, curve.styles))
        file = self.file(descent, iterations)
        file.parent.mkdir(parents=True, exist_ok=True)
        to_image(curve.best).save(file)
        losses = Losses(iterations, totals, styles)
        append(self.path, json.dumps(asdict(descent) | asdict(losses)))
        self._remember(descent, losses)


def append(path: Path, line: str) -> None:
    """In one write, so that lines of several processes do not mix. Half a line that a killed one left stays alone."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, ("\n" * torn + line + "\n").encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> Iterator[tuple[Descent, Losses]]:
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            members = json.loads(line)
        except json.JSONDecodeError:  # half a line
            continue
        losses = Losses(*(members.pop(name) for name in ("iterations", "totals", "styles")))
        yield Descent(**members | {"style_layers": tuple(members["style_layers"])}), losses
