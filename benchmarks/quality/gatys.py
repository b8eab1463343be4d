"""How soon our Gatys has the loss that plain L-BFGS at full size has after 300 iterations.

Plain is torch.optim.LBFGS (history 20, no line search, float32, full size), from uniform noise as in 1508.06576, which
is the reference, and from the photo. Ours is app.gatys with its defaults, from the photo, at the same fixed loss:
style = mean over relu1_1 to relu5_1 of mean (G - A)^2 / mean A^2, content = mean (F - P)^2 / mean P^2 at relu4_2,
total = style + --content-weight x content, with the painting at the photo's longer edge. All losses are computed in
float32 at full size, outside the time that is counted.

Plain L-BFGS leaves the range of colours, so its loss is given twice: as it stands ("raw"), and of the 8-bit picture
that can be delivered ("picture"). Ours is always that of the 8-bit picture.

The three take turns, a few iterations each, so that whatever else the machine does slows all of them alike. Seconds are
processor seconds of this process with one thread, or wall-clock seconds with --wall.

    python -m benchmarks.quality.gatys photo.jpg painting.jpg --descriptor vgg19.safetensors --edges 384 512
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from app.gatys.canvas import resized, widened
from app.gatys.objective import GatysObjective
from app.gatys.options import GatysOptions
from app.gatys.transfer import Transfer
from app.imaging.resize import fitted
from app.nets.descriptor import Descriptor, load_descriptor

HISTORY = 20
TURN = 5.0  # per cent of a plain run that each of the three does before the next one has its turn
GOAL = 0.2


@dataclass
class Curve:
    """One run: the seconds spent and the losses of the whole picture at full size after them."""

    name: str
    seconds: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    picture: list[float] = field(default_factory=list)

    def first_below(self, loss: float) -> float | None:
        """Seconds until the picture's loss is at most `loss`."""
        return next((s for s, value in zip(self.seconds, self.picture, strict=True) if value <= loss), None)


@dataclass(frozen=True)
class Row:
    """Ours against one figure of one plain run."""

    edge: int
    plain: str
    loss_of: str
    loss: float
    plain_seconds: float
    our_seconds: float | None

    @property
    def share(self) -> float | None:
        return None if self.our_seconds is None else self.our_seconds / self.plain_seconds


class Run:
    """A curve in the making: `advance` does iterations until `seconds` more are spent; the judge is not counted."""

    def __init__(self, name: str, steps: Iterator[Tensor], judge: GatysObjective, clock: Callable[[], float]) -> None:
        self.curve = Curve(name)
        self.steps = steps
        self.judge = judge
        self.clock = clock
        self.spent = 0.0

    def advance(self, seconds: float) -> bool:
        """False when the run is over."""
        end = self.spent + seconds
        while self.spent < end:
            before = self.clock()
            picture = next(self.steps, None)
            self.spent += self.clock() - before
            if picture is None:
                return False
            self.note(picture)
        return True

    def note(self, picture: Tensor) -> None:
        self.curve.seconds.append(self.spent)
        self.curve.raw.append(loss(self.judge, picture))
        self.curve.picture.append(loss(self.judge, (picture.clamp(0, 1) * 255).round() / 255))


@torch.no_grad()
def loss(judge: GatysObjective, picture: Tensor) -> float:
    features = judge.features(picture, {**judge.style_layers, **judge.content_layers})
    weight = judge.options.content_weight
    return (judge.style(features) + weight * judge.content_distance(features)).item()


def plain(objective: GatysObjective, start: Tensor, iterations: int, every: int) -> Iterator[Tensor]:
    """Pictures of plain L-BFGS after each `every` iterations; with max_iter it keeps its history between calls."""
    picture = start.clone().contiguous().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [picture], max_iter=every, max_eval=10 * every, history_size=HISTORY, tolerance_grad=0, tolerance_change=0
    )

    def evaluate() -> float:
        losses, picture.grad = objective.evaluate(picture)
        return losses.total

    for _ in range(iterations // every):
        optimiser.step(evaluate)  # type: ignore[no-untyped-call]
        yield picture.detach()


def ours(
    photo: Tensor, painting: Tensor, descriptor: Descriptor, options: GatysOptions, every: int
) -> Iterator[Tensor]:
    """Pictures at full size; those of coarser scales enlarged as they would be delivered."""
    transfer = Transfer(photo, [(painting, 1.0)], descriptor, options)
    for iteration in transfer.run():
        if iteration.iteration % every == 0:
            yield torch.from_numpy(transfer.picture()).permute(2, 0, 1)[None].contiguous() / 255


def read(path: Path) -> Tensor:
    with Image.open(path) as image:
        pixels = np.array(image.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous().float() / 255


def measure(args: argparse.Namespace, descriptor: Descriptor, edge: int) -> list[Curve]:
    """The curves of plain from noise, plain from the photo, and ours."""
    photo, painting = (read(path) for path in (args.photo, args.painting))
    photo, style = (resized(p, fitted(p.shape[3], p.shape[2], edge)[::-1]) for p in (photo, painting))
    options = GatysOptions(
        size=edge, content_weight=args.content_weight, iterations=args.our_iterations, tolerance=0, **args.options
    )
    judge = GatysObjective(descriptor, widened(photo), [(widened(style), 1.0)], options)
    noise = torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))
    clock = time.monotonic if args.wall else time.process_time
    every = args.every
    runs = [
        Run("plain L-BFGS from noise", plain(judge, noise, args.iterations, every), judge, clock),
        Run("plain L-BFGS from the photo", plain(judge, photo, args.iterations, every), judge, clock),
        Run("ours", ours(photo, painting, descriptor, options, every), judge, clock),
    ]
    runs[0].advance(1e-9)  # one turn tells how long turns are
    turn = runs[0].spent / every * args.iterations * TURN / 100
    under_way = list(runs)
    while under_way:
        under_way = [run for run in under_way if run.advance(turn)]
    return [run.curve for run in runs]


def rows(edge: int, curves: Sequence[Curve]) -> Iterator[Row]:
    *plains, own = curves
    for curve in plains:
        for kind in ("raw", "picture"):
            reached = getattr(curve, kind)[-1]
            yield Row(edge, curve.name, kind, reached, curve.seconds[-1], own.first_below(reached))


def report(measured: Sequence[Row]) -> None:
    print("| edge | plain | loss of | loss | plain, s | ours, s | share |\n|---|---|---|---|---|---|---|")
    for row in measured:
        own = "not reached | |" if row.our_seconds is None else f"{row.our_seconds:.1f} | {row.share:.3f} |"
        print(f"| {row.edge} | {row.plain} | {row.loss_of} | {row.loss:.4f} | {row.plain_seconds:.1f} | {own}")


def table(edge: int, curves: Sequence[Curve]) -> None:
    """The picture's loss of all curves at some shares of the reference's time."""
    reference = curves[0].seconds[-1]
    shares = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
    print(f"\n| {edge} px, share of the reference's time |", " | ".join(f"{share:g}" for share in shares), "|")
    print("|---" * (len(shares) + 1) + "|")
    for curve in curves:
        for kind in ("raw", "picture") if curve is not curves[-1] else ("picture",):
            values = [at(curve.seconds, getattr(curve, kind), share * reference) for share in shares]
            print(f"| {curve.name}, {kind} |", " | ".join(values), "|")
    print()


def at(seconds: Sequence[float], losses: Sequence[float], when: float) -> str:
    """The lowest loss so far, or nothing before the first one."""
    so_far = [value for second, value in zip(seconds, losses, strict=True) if second <= when]
    return f"{min(so_far):.4f}" if so_far else ""


def plot(curves_by_edge: dict[int, list[Curve]], path: Path) -> None:
    figure = Figure(figsize=(6.4 * len(curves_by_edge), 4.4), layout="constrained")
    for index, (edge, curves) in enumerate(curves_by_edge.items(), start=1):
        axes = figure.add_subplot(1, len(curves_by_edge), index)
        for curve, colour in zip(curves, ("tab:gray", "tab:blue", "tab:red"), strict=True):
            axes.plot(curve.seconds, curve.picture, color=colour, label=f"{curve.name}: 8-bit picture")
            if curve is not curves[-1]:
                axes.plot(curve.seconds, curve.raw, color=colour, linestyle=":", label=f"{curve.name}: raw")
        axes.axvline(GOAL * curves[0].seconds[-1], color="black", linewidth=0.6)
        axes.set(title=f"{edge} px", xlabel="seconds", ylabel="loss at full size", yscale="log")
        axes.legend(fontsize="x-small")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("painting", type=Path)
    parser.add_argument("--descriptor", type=Path, required=True, help="a safetensors file in any known layout")
    parser.add_argument("--edges", type=int, nargs="+", default=[512], help="longer edges in pixels")
    parser.add_argument("--iterations", type=int, default=300, help="of plain L-BFGS")
    parser.add_argument("--our-iterations", type=int, default=200)
    parser.add_argument("--every", type=int, default=5, help="iterations between two points of a curve")
    parser.add_argument("--content-weight", type=float, default=0.1)
    parser.add_argument("--options", type=json.loads, default={}, help="further GatysOptions of ours, as JSON")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wall", action="store_true", help="wall-clock seconds instead of processor seconds")
    parser.add_argument("--plot", type=Path, help="file for the curves as a picture")
    parser.add_argument("--json", type=Path, help="file for rows and curves")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    descriptor = load_descriptor(load_file(args.descriptor))
    curves = {edge: measure(args, descriptor, edge) for edge in args.edges}
    for edge, each in curves.items():
        table(edge, each)
    measured = [row for edge, each in curves.items() for row in rows(edge, each)]
    report(measured)
    if args.plot:
        plot(curves, args.plot)
    if args.json:
        found = {"rows": [asdict(row) | {"share": row.share} for row in measured]}
        found["curves"] = [{"edge": edge, **asdict(curve)} for edge, each in curves.items() for curve in each]
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
