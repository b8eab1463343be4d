"""Whether the colours are the painting's: how far a picture's colours are from those of its style.

Colours are compared in Oklab (Ottosson 2020), where 0.02 can just be seen; figures are in hundredths.
Mean: the distance of the mean colours. Spread: the Bures distance of the covariances A and B,
sqrt(tr A + tr B - 2 tr (A^1/2 B A^1/2)^1/2). The sum of their squares is the squared Wasserstein-2 distance of the two
normal distributions.

Each is given for the photos as they are, for the generator's pictures of them and, in some styles, for those of Gatys
on the loss of judge.py, from the photo and from noise: means over the same unseen photos. Gatys' pictures are those of
--curves, which quality.py keeps for two photos and every style.

    python -m benchmarks.quality.palette --photos PHOTOS --paintings PAINTINGS \\
        --descriptor vgg19_distilled16x.safetensors \\
        --curves curves.jsonl
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from app.imaging import palette
from benchmarks.markdown_table import table
from benchmarks.quality.curves import STARTS, Curves, Start, add_curve_options
from benchmarks.quality.judge import Judge, Photo, add_judge_options
from benchmarks.quality.subject import Subject, add_model_options
from benchmarks.unseen import add_count_option, unseen

Array = NDArray[np.float64]
Distance = tuple[float, float]  # of means and of covariances, in hundredths

GATYS: dict[Start, str] = {"photo": "Gatys from the photo", "noise": "Gatys from noise"}
SOURCES = ("photo", "model", *GATYS.values())


def oklab(picture: Tensor) -> Array:
    """(1, 3, H, W) sRGB in 0..1 -> (H W, 3)."""
    return palette.oklab(255 * picture[0].flatten(1).T.cpu().double().numpy())


def bures(one: Array, other: Array) -> float:
    half = palette.root(one)
    squared = np.trace(one) + np.trace(other) - 2 * np.trace(palette.root(half @ other @ half))
    return float(np.sqrt(max(squared, 0.0)))


def distance(picture: Tensor, painting: Tensor) -> Distance:
    """Of means and of covariances, in hundredths."""
    one, other = oklab(picture), oklab(painting)
    mean = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    return 100 * float(mean), 100 * bures(np.cov(one.T), np.cov(other.T))


class Easel:
    """Gatys' pictures of the photos, as far as they are known or may be computed.

    Args:
        args: of `add_curve_options`.
    """

    def __init__(self, args: argparse.Namespace, judge: Judge) -> None:
        self.judge = judge
        self.curves = Curves(args.curves)
        self.iterations = args.iterations
        self.known = args.known

    def pictures(self, photos: Sequence[Photo], style: str, start: Start) -> list[Tensor]:
        """The best 8-bit pictures (1, 3, H, W) of so many iterations."""
        descents = [(photo, self.judge.descent(photo, style, start)) for photo in photos]
        return [
            self.curves.picture(
                descent, self.iterations, partial(self.judge.gatys, photo, style, start, self.iterations)
            )
            for photo, descent in descents
            if not self.known or self.curves.file(descent, self.iterations).exists()
        ]


def measure(args: argparse.Namespace, subject: Subject) -> dict[str, dict[str, Distance]]:
    """By style: distances of SOURCES, Gatys' for some of the styles."""
    judge = Judge(args.descriptor, args.paintings, subject.style_ids, subject.device)
    easel = Easel(args, judge)
    photos = [Photo.read(args.photos / name, args.edge) for name in unseen(args.count)]
    few = min(args.gatys, len(subject.style_ids))
    painted_by_gatys = {subject.style_ids[index * len(subject.style_ids) // few] for index in range(few)}
    found = {}
    for style in subject.style_ids:
        pictures = {
            "photo": [photo.picture for photo in photos],
            "model": [subject.paint(photo.picture, {style: 1.0}) for photo in photos],
        }
        if style in painted_by_gatys:
            pictures |= {GATYS[start]: easel.pictures(photos, style, start) for start in STARTS}
        found[style] = {name: mean_distance(some, judge.paintings[style]) for name, some in pictures.items() if some}
    return found


def mean_distance(pictures: Sequence[Tensor], painting: Tensor) -> Distance:
    means, spreads = zip(*(distance(picture, painting) for picture in pictures), strict=True)
    return float(np.mean(means)), float(np.mean(spreads))


def report(found: dict[str, dict[str, Distance]]) -> str:
    headings = ["style", *(f"{source}: {part}" for source in SOURCES for part in ("mean", "spread"))]
    lines = []
    for style, figures in found.items():
        cells = (figures.get(source) for source in SOURCES)
        lines.append([style, *(text for pair in cells for text in ([f"{d:.1f}" for d in pair] if pair else ["", ""]))])
    medians = ["**median**"]
    for source in SOURCES:
        pairs = [figures[source] for figures in found.values() if source in figures]
        medians += [f"{figure:.1f}" for figure in np.median(pairs, axis=0)] if pairs else ["", ""]
    return table(headings, [*lines, medians])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_judge_options(parser)
    add_model_options(parser)
    add_curve_options(parser)
    add_count_option(parser, default=2)
    parser.add_argument("--gatys", type=int, default=4, help="styles that Gatys paints as well")
    args = parser.parse_args(arguments)
    subject = Subject(args)
    found = measure(args, subject)
    print(f"{subject.label}, {args.count} photos at {args.edge} px: distance from the painting, hundredths of Oklab\n")
    print(report(found))
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
