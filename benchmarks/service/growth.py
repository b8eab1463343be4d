"""What more costs: time and memory of a painting over its megapixels, the styles of its model, and the styles blended.

Every figure is of a process of its own, that paints one picture before the ones that count. Memory is the most that
was resident while it painted (Linux), the packages and the model included.

    python -m benchmarks.service.growth --plot docs/growth.png --json growth.json
    python -m benchmarks.service.growth --series megapixels --megapixels 1 16 100 --rounds 1
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from app.engine.device import choose_device
from app.engine.stylizer import Stylizer
from app.imaging.picture import Pixels
from app.nets.norm import StyleRows
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS, usable_cores
from benchmarks.markdown_table import table
from benchmarks.service.straight_line import Line, straight_line

USUAL_MEGAPIXELS = 512 * 512 / 1e6
USUAL_STYLES = 22
# Of the pictures that count, in each round: more of small ones, whose times are noisier.
COUNTED_MEGAPIXELS = 2.0
UNITS = {"megapixels": "megapixels", "styles": "styles in the model", "blended": "styles blended"}
HEADINGS = ("over", "is", "seconds", "CPU seconds", "MB resident", "of these for the picture")


@dataclass(frozen=True)
class Point:
    """One painting: how large, by a model of how many styles, how many of them blended."""

    megapixels: float = USUAL_MEGAPIXELS
    styles: int = USUAL_STYLES
    blended: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, 3:4 as phones have it but for the usual one."""
        if self.megapixels == USUAL_MEGAPIXELS:
            return 512, 512
        height = round((self.megapixels * 1e6 * 3 / 4) ** 0.5)
        return height, round(height * 4 / 3)


@dataclass(frozen=True)
class Sample:
    """What one painting took; `megabytes` were the most resident, `for_picture` of them came with the painting."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    for_picture: float


def measure(point: Point) -> Sample:
    """In a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as child:
        return child.submit(_measure, point).result()


def _measure(point: Point) -> Sample:
    stylizer = stylizer_of(point.styles)
    blend = dict.fromkeys(stylizer.style_ids[: point.blended], 1 / point.blended)
    picture = random_picture(*point.size)
    stylizer.paint([random_picture(64, 64)], [blend])
    before = forget_peak()
    samples = [timed(stylizer, picture, blend) for _ in range(1 + max(1, int(COUNTED_MEGAPIXELS / point.megapixels)))]
    # The first of its size is left out: what is kept for a size is made then.
    walls, cpus = zip(*samples[1:], strict=True)
    peak = memory("VmHWM")
    return Sample(median(walls), median(cpus), peak, peak - before)


def stylizer_of(styles: int) -> Stylizer:
    """The shipped model with so many styles: its own first, then rows at random between them."""
    model = Repository(SHIPPED_MODELS).load("compact")
    chance = torch.Generator().manual_seed(0)
    rows = StyleRows(styles, model.rows.gamma.shape[1])
    own = model.rows.gamma.shape[0]
    with torch.no_grad():
        for mine, theirs in ((rows.gamma, model.rows.gamma), (rows.beta, model.rows.beta)):
            mine.copy_(theirs[torch.randint(own, (styles,), generator=chance)])
            mine[:own] = theirs[:styles]
    return Stylizer(
        model.generator,
        rows,
        [f"style_{row}" for row in range(styles)],
        choose_device("auto", "auto", usable_cores()),
    )


def random_picture(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def timed(stylizer: Stylizer, picture: Pixels, blend: Mapping[str, float]) -> tuple[float, float]:
    """Seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    stylizer.paint([picture], [blend])
    return time.perf_counter() - wall, time.process_time() - cpu


def forget_peak() -> float:
    """Megabytes resident now, from which on the most is noted."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(name: str) -> float:
    """A line of /proc/self/status in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def measured(points: Sequence[Point], rounds: int) -> list[Sample]:
    """The medians of several rounds over all points, so that what disturbs one round disturbs all points alike."""
    taken = [[measure(point) for point in points] for _ in range(rounds)]
    return [middle(samples) for samples in zip(*taken, strict=True)]


def middle(samples: Sequence[Sample]) -> Sample:
    return Sample(*(median(values) for values in zip(*(asdict(sample).values() for sample in samples), strict=True)))


@dataclass(frozen=True)
class Series:
    """Samples over one thing, and the lines through their seconds, CPU seconds and megabytes."""

    name: str
    over: list[float]
    samples: list[Sample]

    def line(self, what: str) -> Line:
        return straight_line(self.over, [getattr(sample, what) for sample in self.samples])

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return [
            (
                UNITS[self.name],
                f"{x:g}",
                f"{s.seconds:.3f}",
                f"{s.cpu_seconds:.3f}",
                f"{s.megabytes:.0f}",
                f"{s.for_picture:.0f}",
            )
            for x, s in zip(self.over, self.samples, strict=True)
        ]

    @property
    def sentences(self) -> list[str]:
        found = []
        for what, unit in (("seconds", "s"), ("cpu_seconds", "CPU s"), ("megabytes", "MB")):
            line = self.line(what)
            fit = f"{line.start:.4g} {unit} + {line.slope:.4g} {unit} x {UNITS[self.name]}, R2 {line.r_squared:.4f}"
            found.append(f"{fit}; from the least to the most {line.spread:.1%} of the mean")
        return found


def draw(path: Path, found: Sequence[Series]) -> None:
    """CPU seconds above, which neighbours disturb the least, megabytes below, with their lines."""
    from matplotlib.figure import Figure  # takes a second

    figure = Figure(figsize=(3.4 * len(found), 5.0), layout="constrained")
    panels = figure.subplots(2, len(found), squeeze=False)
    for column, series in enumerate(found):
        for row, (what, name) in enumerate((("cpu_seconds", "CPU seconds"), ("megabytes", "MB resident"))):
            axes, line = panels[row][column], series.line(what)
            ends = [min(series.over), max(series.over)]
            axes.plot(ends, [line.at(x) for x in ends], color="0.6", linewidth=1)
            values = [getattr(sample, what) for sample in series.samples]
            axes.plot(series.over, values, "o", markersize=4)
            axes.set(xlabel=UNITS[series.name], ylabel=name if not column else "", ylim=(0, 1.15 * max(values)))
            axes.set_title(f"{line.slope:.3g} each, R² {line.r_squared:.3f}", fontsize="small")
            axes.grid(visible=True, alpha=0.3)
    figure.savefig(path, dpi=90)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", nargs="+", choices=tuple(UNITS), default=list(UNITS))
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.1, 0.25, 0.5, 1, 2, 4, 8, 16])
    parser.add_argument("--styles", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--blended", type=int, nargs="+", default=[1, 2, 3, 4, 6, 8])
    parser.add_argument("--rounds", type=int, default=3, help="of which the medians are taken")
    parser.add_argument("--plot", type=Path, help="picture for the plots; PNG or SVG")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser


def main() -> None:
    args = options().parse_args()
    print(f"{usable_cores()} cores, load average {os.getloadavg()[0]:.1f} at the beginning\n")
    found = []
    for name in args.series:
        over = list(getattr(args, name))
        series = Series(name, over, measured([Point(**{name: value}) for value in over], args.rounds))
        print(table(HEADINGS, series.rows), "\n", *(f"- {sentence}\n" for sentence in series.sentences), sep="\n")
        found.append(series)
    if args.plot:
        draw(args.plot, found)
    if args.json:
        args.json.write_text(json.dumps([asdict(series) for series in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
