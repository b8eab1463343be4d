"""Whether the colours are the painting's: how far a picture's colours are from those of its style.

Colours are compared in Oklab (Ottosson 2020), where 0.02 can just be seen; figures are in hundredths.
Mean: the distance of the mean colours. Spread: the Bures distance of the covariances A and B,
sqrt(tr A + tr B - 2 tr (A^1/2 B A^1/2)^1/2). The sum of their squares is the squared Wasserstein-2 distance of the two
normal distributions.

Each is given for the generator's pictures, for the photos as they are, and for Gatys' own pictures (on the loss of
judge.py, from the photo, which takes fewer iterations than noise): means over several unseen photos, and for Gatys of
one in a few styles.

    python benchmarks/palette.py --photos PHOTOS --paintings PAINTINGS --descriptor vgg19_distilled16x.safetensors
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from judge import Judge, add_judge_options
from markdown_table import table
from numpy.typing import NDArray
from subject import Subject, add_model_options
from torch import Tensor
from unseen import unseen

from app.training.equivalent import eight_bit
from app.training.photos import read_picture

Array = NDArray[np.float64]

# https://bottosson.github.io/posts/oklab: linear sRGB to cone responses, and their cube roots to L, a, b.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(picture: Tensor) -> Array:
    """(1, 3, H, W) sRGB in 0..1 -> (H W, 3)."""
    encoded = picture[0].flatten(1).T.cpu().double().numpy()
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ TO_CONES.T) @ TO_LAB.T)


def root(matrix: Array) -> Array:
    """Of a symmetric matrix without negative eigenvalues, but for rounding."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T)


def bures(one: Array, other: Array) -> float:
    half = root(one)
    squared = np.trace(one) + np.trace(other) - 2 * np.trace(root(half @ other @ half))
    return float(np.sqrt(max(squared, 0.0)))


def distance(picture: Tensor, painting: Tensor) -> tuple[float, float]:
    """Of means and of covariances, in hundredths."""
    one, other = oklab(picture), oklab(painting)
    mean = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    return 100 * float(mean), 100 * bures(np.cov(one.T), np.cov(other.T))


def gatys_picture(judge: Judge, photo: Tensor, style: str, iterations: int) -> Tensor:
    """The best 8-bit picture of so many iterations."""
    never = replace(judge.losses(photo, photo, style), total=torch.tensor([-1.0]), style=torch.tensor([-1.0]))
    return eight_bit(judge.gatys(photo, style, photo, never, iterations).best)


def measure(args: argparse.Namespace, subject: Subject) -> dict[str, dict[str, tuple[float, float]]]:
    """By style: distances of `model`, `photo` and, for a few styles, `gatys`."""
    judge = Judge(args.descriptor, args.paintings, subject.style_ids, subject.device)
    photos = [read_picture(args.photos / name, args.edge) for name in unseen(args.count)]
    few = min(args.gatys, len(subject.style_ids))
    own = {subject.style_ids[index * len(subject.style_ids) // few] for index in range(few)}
    found = {}
    for style in subject.style_ids:
        painting = judge.paintings[style]
        pictures = {"model": [subject.paint(photo, {style: 1.0}) for photo in photos], "photo": photos}
        if style in own:
            pictures["gatys"] = [gatys_picture(judge, photos[0], style, args.iterations)]
        found[style] = {name: mean_distance(some, painting) for name, some in pictures.items()}
    return found


def mean_distance(pictures: Sequence[Tensor], painting: Tensor) -> tuple[float, float]:
    means, spreads = zip(*(distance(picture, painting) for picture in pictures), strict=True)
    return float(np.mean(means)), float(np.mean(spreads))


def report(found: dict[str, dict[str, tuple[float, float]]]) -> str:
    sources = ("model", "photo", "gatys")
    headings = ["style", *(f"{source}: {part}" for source in sources for part in ("mean", "spread"))]
    lines = []
    for style, figures in found.items():
        cells = (figures.get(source) for source in sources)
        lines.append([style, *(text for pair in cells for text in ([f"{d:.1f}" for d in pair] if pair else ["", ""]))])
    medians = ["**median**"]
    for source in sources:
        pairs = [figures[source] for figures in found.values() if source in figures]
        medians += [f"{figure:.1f}" for figure in np.median(pairs, axis=0)] if pairs else ["", ""]
    return table(headings, [*lines, medians])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_judge_options(parser)
    add_model_options(parser)
    parser.add_argument("--edge", type=int, default=512, help="longer edge of the photos in pixels")
    parser.add_argument("--count", type=int, default=6, help="unseen photos")
    parser.add_argument("--gatys", type=int, default=4, help="styles that Gatys paints as well")
    parser.add_argument("--iterations", type=int, default=200, help="of Gatys")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args(arguments)
    subject = Subject(args)
    found = measure(args, subject)
    print(f"{subject.label}, {args.count} photos at {args.edge} px: distance from the painting, hundredths of Oklab\n")
    print(report(found))
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
