"""How many iterations of Gatys a generator's picture is worth, style by style, on photos that no training saw.

The Gatys-equivalent: the loss of the generator's 8-bit picture is compared with the best loss that Gatys et al.
(1508.06576) has reached after each evaluation of L-BFGS (history 20, no line search), started from uniform noise as the
papers do, and from the photo, which is harder to beat. It is the first iteration at which Gatys is better. "Style only"
asks the run from noise when its style loss was better. What Gatys did not reach within --iterations is given as ">=".

The loss is fixed and stands in judge.py. Every style is measured on two photos at a longer edge of 512 px. Six pairs of
style and photo are also measured at 1024 px, and six on blocks 1 to 3 of the exact VGG-19 (content at relu3_3): a
generator can please the network that it was trained on.

Gatys' descents depend on no generator. They are computed once (a minute of one core for a main pair and 100 iterations)
and kept in --curves; against them a model is judged in the time of a forward pass and a loss. A run that is started
again goes on behind the descents that are there; with --known it is content with them. --json gets a line for each
model and pair.

    python -m benchmarks.quality.equivalents --photos PHOTOS --paintings PAINTINGS \\
        --descriptor vgg19_distilled16x.safetensors \\
        --exact vgg19_conv1-conv3.safetensors --curves curves.jsonl --model compact --model runs/paper --sheets sheets/
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean, median

from torch import Tensor

from app.nets.descriptor import STYLE_LAYERS
from app.training.photos import open_rgb
from app.training.sheet import to_image
from benchmarks.captions import strip
from benchmarks.markdown_table import table
from benchmarks.quality.curves import STARTS, Curves, Start, add_curve_options
from benchmarks.quality.curves import Losses as Descended
from benchmarks.quality.judge import CONTENT_LAYER, Judge, Photo, add_judge_options
from benchmarks.quality.subject import Subject, add_model_options
from benchmarks.unseen import FIRST, NAMES

FEW = 6  # pairs of the parts that take long
EXACT_STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1")
EXACT_CONTENT_LAYER = "relu3_3"
LOSSES = ("total", "style", "content")
COUNTS = ("from_noise", "from_photo", "style_only")
HEADINGS = ("style", *LOSSES, "from noise", "from photo", "style only")

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
    """One style on one photo. A count of `iterations`: Gatys was not better by then; None: it was not run."""

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
    from_noise: int | None
    from_photo: int | None
    style_only: int | None


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


class Measurement:
    """A part's pairs against Gatys' curves.

    Args:
        curves: of any measurements; those that are missing are added.
    """

    def __init__(self, part: Part, args: argparse.Namespace, subjects: Sequence[Subject], curves: Curves) -> None:
        self.part = part
        self.args = args
        self.subjects = subjects
        self.curves = curves
        layers = (part.style_layers, part.content_layer)
        styles = {style for style, _ in part.pairs}
        self.judge = Judge(part.network, args.paintings, styles, subjects[0].device, *layers)

    def rows(self) -> Iterator[Row]:
        """Pair by pair, of every model that has the style."""
        for style, name in self.part.pairs:
            photo = Photo.read(self.args.photos / name, self.part.edge)
            descended = {start: self.descended(photo, style, start) for start in STARTS}
            if not any(descended.values()):
                continue
            for subject in self.subjects:
                if style in subject.style_ids:
                    yield self.row(subject, style, name, photo, descended)

    def descended(self, photo: Photo, style: str, start: Start) -> Descended | None:
        descent, iterations = self.judge.descent(photo, style, start), self.args.iterations
        if self.args.known or start not in self.args.starts:
            return self.curves.known(descent, iterations)
        return self.curves.losses(descent, iterations, lambda: self.judge.gatys(photo, style, start, iterations))

    def row(
        self, subject: Subject, style: str, name: str, photo: Photo, descended: Mapping[Start, Descended | None]
    ) -> Row:
        painted = subject.paint(photo.picture, {style: 1.0})
        losses = self.judge.losses(painted, photo.picture, style)
        noise, from_photo = descended["noise"], descended["photo"]
        row = Row(
            part=self.part.name,
            model=subject.label,
            digest=subject.digest,
            edge=self.part.edge,
            network=self.part.network.stem,
            iterations=self.args.iterations,
            style_id=style,
            photo=name,
            **(figures := {loss: getattr(losses, loss).item() for loss in LOSSES}),
            from_noise=noise and noise.worth(figures["total"]),
            from_photo=from_photo and from_photo.worth(figures["total"]),
            style_only=noise and noise.worth_of_style(figures["style"]),
        )
        if self.args.sheets:
            self.draw(row, photo, painted)
        return row

    def draw(self, row: Row, photo: Photo, painted: Tensor) -> None:
        """Photo, painting, the generator's picture and Gatys' best ones that were kept, as one JPEG."""
        painting = self.judge.paintings[row.style_id]
        pictures = [
            ("the photo", to_image(photo.picture)),
            (row.style_id, to_image(painting)),
            (f"{row.model}, total {row.total:.3f}", to_image(painted)),
        ]
        for start in STARTS:
            file = self.curves.file(self.judge.descent(photo, row.style_id, start), row.iterations)
            if file.exists():
                pictures.append((f"Gatys from {start}, {row.iterations} iterations", open_rgb(file)))
        self.args.sheets.mkdir(parents=True, exist_ok=True)
        name = f"{row.part}-{row.style_id}-{Path(row.photo).stem}-{row.digest}.jpg"
        strip(pictures).save(self.args.sheets / name, quality=92)


def shown(values: Sequence[int], summary: Callable[[Sequence[int]], float], cap: int) -> str:
    """A summary of counts, of which there may be none."""
    if not values:
        return ""
    count = summary(values)
    return f">={cap}" if count >= cap else f"{count:g}"


def counts(rows: Iterable[Row], name: str) -> list[int]:
    """Those that are known."""
    return [count for row in rows if (count := getattr(row, name)) is not None]


def mean_losses(rows: Sequence[Row]) -> list[str]:
    return [f"{fmean(getattr(row, name) for row in rows):.4f}" for name in LOSSES]


def report(rows: Sequence[Row]) -> str:
    """Means of the losses and the smaller counts of each style's photos; median and minimum over all pairs."""
    cap = rows[0].iterations
    lines = []
    for style in dict.fromkeys(row.style_id for row in rows):
        own = [row for row in rows if row.style_id == style]
        lines.append([style, *mean_losses(own), *(shown(counts(own, name), min, cap) for name in COUNTS)])
    for name, summary in (("**median**", median), ("**minimum**", min)):
        lines.append([name, "", "", "", *(shown(counts(rows, count), summary, cap) for count in COUNTS)])
    return table(HEADINGS, lines)


def compare(rows: Sequence[Row]) -> str:
    """Model by model and part by part: medians, and minima in brackets."""
    lines = []
    for part, model in dict.fromkeys((row.part, row.model) for row in rows):
        own = [row for row in rows if (row.part, row.model) == (part, model)]
        cap = own[0].iterations
        cells = [
            f"{shown(values, median, cap)} ({shown(values, min, cap)})" if values else ""
            for values in (counts(own, name) for name in COUNTS)
        ]
        lines.append([model, part, str(len(own)), *mean_losses(own), *cells])
    return table(("model", "part", "pairs", *HEADINGS[1:]), lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_judge_options(parser)
    add_model_options(parser, several=True)
    add_curve_options(parser)
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=STARTS, help="run those descents alone")
    parser.add_argument("--exact", type=Path, help="blocks 1 to 3 of the exact VGG-19, a safetensors file")
    parser.add_argument("--full", action="store_true", help="every style on all unseen photos, in every part")
    parser.add_argument("--only", nargs="+", choices=["main", "large", "exact"], help="these parts alone")
    parser.add_argument("--pairs", type=int, help="only the first pairs of each part")
    parser.add_argument("--sheets", type=Path, help="folder for a picture of every pair")
    args = parser.parse_args(arguments)

    subjects = [Subject(args, reference) for reference in args.model or ["compact"]]
    style_ids = list(dict.fromkeys(style for subject in subjects for style in subject.style_ids))
    curves = Curves(args.curves)
    rows = []
    with ExitStack() as stack:
        file = stack.enter_context(args.json.open("w")) if args.json else None
        for part in parts(args, style_ids):
            if args.only and part.name not in args.only:
                continue
            for row in Measurement(part, args, subjects, curves).rows():
                rows.append(row)
                print(json.dumps(asdict(row)), flush=True)
                if file:
                    print(json.dumps(asdict(row)), file=file, flush=True)
    for part_name, model in dict.fromkeys((row.part, row.model) for row in rows):
        own = [row for row in rows if (row.part, row.model) == (part_name, model)]
        print(f"\n{model}, {part_name}: {own[0].edge} px, {own[0].network}, {len(own)} pairs\n\n{report(own)}")
    print(f"\n{compare(rows)}", flush=True)


if __name__ == "__main__":
    main()
