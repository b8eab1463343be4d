"""How many iterations of Gatys a generator's picture is worth, style by style, on photos that no training saw.

The Gatys-equivalent: the loss of the generator's 8-bit picture is compared with the best loss that Gatys et al.
(1508.06576) has reached after each evaluation of L-BFGS (history 20, no line search), started from uniform noise as the
papers do, and from the photo, which is harder to beat. It is the first iteration at which Gatys is better. "Style only"
asks the run from noise when its style loss was better. What Gatys did not reach within --iterations is given as ">=".

The loss is fixed and stands in judge.py. Every style is measured on two photos at a longer edge of 512 px. Six pairs of
style and photo are also measured at 1024 px, and six on blocks 1 to 3 of the exact VGG-19 (content at relu3_3): a
generator can please the network that it was trained on.

Each finished pair is a line of --json; a run that is started again with the same file goes on behind them.

    python benchmarks/quality.py --photos PHOTOS --paintings PAINTINGS --descriptor vgg19_distilled16x.safetensors \\
        --exact vgg19_conv1-conv3.safetensors --json quality.jsonl --sheets sheets/
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean, median

import torch
from captions import strip
from judge import CONTENT_LAYER, Judge, add_judge_options
from markdown_table import table
from subject import Subject, add_model_options
from torch import Tensor
from unseen import FIRST, NAMES

from app.nets.descriptor import STYLE_LAYERS
from app.training.equivalent import Curve, first_below, uniform_noise
from app.training.photos import read_picture
from app.training.sheet import to_image

FEW = 6  # pairs of the parts that take long
EXACT_STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
EXACT_CONTENT_LAYER = "relu3_3"
LOSSES = ("total", "style", "content")
COUNTS = ("from_noise", "from_photo", "style_only")

Pair = tuple[str, str]  # a style id and a photo's file name


@dataclass(frozen=True)
class Part:
    """A table of the report: a size in pixels, a network with its layers, and the pairs to measure."""

    name: str
    edge: int
    network: Path
    style_layers: tuple[str, ...]
    content_layer: str
    pairs: Sequence[Pair]


@dataclass(frozen=True)
class Row:
    """One style on one photo. A count of `iterations` means that Gatys was not better by then."""

    part: str
    model: str
    digest: str
    edge: int
    network: str
    iterations: int
    style_id: str
    photo: str
    total: float
    style: float
    content: float
    from_noise: int
    from_photo: int
    style_only: int
    seconds: float

    @property
    def key(self) -> tuple[str | int, ...]:
        """Rows of equal keys are the same measurement."""
        return (self.digest, self.edge, self.network, self.iterations, self.style_id, self.photo)


def spread(style_ids: Sequence[str], count: int) -> list[Pair]:
    """Pairs from all over the catalogue, on the photos in turn."""
    count = min(count, len(style_ids))
    return [(style_ids[index * len(style_ids) // count], FIRST[index % len(FIRST)]) for index in range(count)]


def parts(args: argparse.Namespace, style_ids: Sequence[str]) -> Iterator[Part]:
    names = NAMES if args.full else FIRST
    pairs = [(style, name) for name in names for style in style_ids]
    few = pairs if args.full else spread(style_ids, FEW)
    layers = (STYLE_LAYERS, CONTENT_LAYER)
    yield Part("main", args.edge, args.descriptor, *layers, list(islice(pairs, args.pairs)))
    yield Part("large", 2 * args.edge, args.descriptor, *layers, list(islice(few, args.pairs)))
    if args.exact:
        layers = (EXACT_STYLE_LAYERS, EXACT_CONTENT_LAYER)
        yield Part("exact", args.edge, args.exact, *layers, list(islice(few, args.pairs)))


def measure(subject: Subject, judge: Judge, photo: Tensor, row: Row) -> tuple[Row, Tensor, list[Curve]]:
    """The row with its figures, the generator's picture, and Gatys' curves from noise and from the photo."""
    began = time.monotonic()
    painted = subject.paint(photo, {row.style_id: 1.0})
    target = judge.losses(painted, photo, row.style_id)
    # From the photo, Gatys need not be better in style as well.
    total_only = replace(target, style=torch.full_like(target.style, torch.inf))
    curves = [
        judge.gatys(photo, row.style_id, start, goal, row.iterations)
        for start, goal in ((uniform_noise(photo), target), (photo, total_only))
    ]
    figures = {name: getattr(target, name).item() for name in LOSSES}
    counts = {
        "from_noise": first_below(curves[0].totals, figures["total"]),
        "from_photo": first_below(curves[1].totals, figures["total"]),
        "style_only": first_below(curves[0].styles, figures["style"]),
    }
    return replace(row, **figures, **counts, seconds=time.monotonic() - began), painted, curves


def draw(folder: Path, row: Row, photo: Tensor, painting: Tensor, painted: Tensor, curves: Sequence[Curve]) -> None:
    """Photo, painting, the generator's picture and those of Gatys when it was first better, as one JPEG."""
    counts = (row.from_noise, row.from_photo)
    gatys = [
        (f"Gatys from {start}, iteration {count}", to_image(curve.best))
        for start, count, curve in zip(("noise", "the photo"), counts, curves, strict=True)
    ]
    named = [("the photo", photo), (row.style_id, painting), (f"{row.model}, total {row.total:.3f}", painted)]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{row.part}-{row.style_id}-{Path(row.photo).stem}.jpg"
    strip([*((text, to_image(picture)) for text, picture in named), *gatys]).save(file, quality=92)


def measure_part(
    part: Part, args: argparse.Namespace, subject: Subject, done: dict[tuple[str | int, ...], Row]
) -> None:
    """Every pair that is not `done` yet; each is added to it and to the file as soon as it is."""
    judge = None
    about = (part.name, subject.label, subject.digest, part.edge, part.network.stem, args.iterations)
    for style, name in part.pairs:
        blank = Row(*about, style, name, *[0.0] * len(LOSSES), *[0] * len(COUNTS), seconds=0.0)
        if blank.key in done:
            continue
        if judge is None:
            layers = (part.style_layers, part.content_layer)
            judge = Judge(part.network, args.paintings, subject.style_ids, subject.device, *layers)
        photo = read_picture(args.photos / name, part.edge).to(subject.device)
        row, painted, curves = measure(subject, judge, photo, blank)
        done[row.key] = row
        line = json.dumps(asdict(row))
        print(line, flush=True)
        if args.json:
            with args.json.open("a") as file:
                file.write(line + "\n")
        if args.sheets:
            draw(args.sheets, row, photo, judge.paintings[style], painted, curves)


def read_rows(path: Path | None) -> dict[tuple[str | int, ...], Row]:
    lines = path.read_text().splitlines() if path and path.exists() else []
    rows = [Row(**json.loads(line)) for line in lines]
    return {row.key: row for row in rows}


def shown(count: float, cap: int) -> str:
    return f">={cap}" if count >= cap else f"{count:g}"


def report(rows: Sequence[Row]) -> str:
    """Means of the losses and the smaller counts of each style's photos; median and minimum over all pairs."""
    cap = rows[0].iterations
    lines = []
    for style in dict.fromkeys(row.style_id for row in rows):
        own = [row for row in rows if row.style_id == style]
        losses = [f"{fmean(getattr(row, name) for row in own):.4f}" for name in LOSSES]
        lines.append([style, *losses, *(shown(min(counts(own, name)), cap) for name in COUNTS)])
    for name, summary in (("**median**", median), ("**minimum**", min)):
        lines.append([name, "", "", "", *(shown(summary(counts(rows, count)), cap) for count in COUNTS)])
    return table(("style", *LOSSES, "from noise", "from photo", "style only"), lines)


def counts(rows: Iterable[Row], name: str) -> list[int]:
    return [getattr(row, name) for row in rows]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_judge_options(parser)
    add_model_options(parser)
    parser.add_argument("--exact", type=Path, help="blocks 1 to 3 of the exact VGG-19, a safetensors file")
    parser.add_argument("--edge", type=int, default=512, help="longer edge of the photos in pixels")
    parser.add_argument("--iterations", type=int, default=200, help="evaluations that Gatys is given at most")
    parser.add_argument("--full", action="store_true", help="every style on all unseen photos, in every part")
    parser.add_argument("--only", nargs="+", choices=["main", "large", "exact"], help="these parts alone")
    parser.add_argument("--pairs", type=int, help="only the first pairs of each part")
    parser.add_argument("--sheets", type=Path, help="folder for a picture of every pair")
    parser.add_argument("--json", type=Path, help="file of finished pairs, a line each; they are not measured again")
    args = parser.parse_args(arguments)

    subject = Subject(args)
    done = read_rows(args.json)
    for part in parts(args, subject.style_ids):
        if args.only and part.name not in args.only:
            continue
        measure_part(part, args, subject, done)
        wanted = [(subject.digest, part.edge, part.network.stem, args.iterations, *pair) for pair in part.pairs]
        rows = [done[key] for key in wanted]
        seconds = sum(row.seconds for row in rows)
        print(
            f"\n{subject.label}, {part.name}: {part.edge} px, {part.network.stem}, {len(rows)} pairs, {seconds:.0f} s\n"
        )
        print(report(rows), flush=True)


if __name__ == "__main__":
    main()
