"""How large the strokes are at another size of the picture: does 1024 px look like fine noise where 512 looks painted?

Strokes that have a size in pixels are half as large in a picture of twice the size. The spectral centroid of luminance
tells: the mean frequency weighed by power, from 8 cycles per longer edge on (what is broader is the photo's areas, not
strokes). In cycles per picture it doubles when the strokes stay the same in pixels, and stays when they grow with the
picture. Fine: the share of that power at periods below 4 pixels, in per cent.

Each style paints several unseen photos at --edge, at twice that, and there with `stroke=2` as the service does it. The
painting's own figures are those at a longer edge of 512 px, at which the trainings look at it.

    python -m benchmarks.quality.strokes --photos PHOTOS --paintings PAINTINGS
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from app.imaging.stroke import at_size, painted_size
from app.training.paintings import list_paintings
from app.training.photos import read_picture, to_tensor
from app.training.sheet import to_image
from benchmarks.markdown_table import table
from benchmarks.quality.blank_pictures import Array, luminance
from benchmarks.quality.judge import PAINTING_EDGE
from benchmarks.quality.subject import Subject, add_model_options
from benchmarks.unseen import unseen

MIN_CYCLES = 8
FINE_PERIOD = 4  # pixels
LARGE_STROKE = 2.0

Figures = tuple[float, float]  # centroid in cycles per longer edge, fine share in per cent


def power_of(luma: Array) -> tuple[Array, Array]:
    """Frequencies in cycles per pixel and power, of (H, W), without what is broader than strokes."""
    window = np.hanning(luma.shape[0])[:, None] * np.hanning(luma.shape[1])[None, :]
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(luma.shape[0])[:, None], np.fft.fftfreq(luma.shape[1])[None, :])
    return frequency, np.where(frequency * max(luma.shape) < MIN_CYCLES, 0.0, power)


def figures(picture: Tensor) -> Figures:
    luma = luminance(picture)
    frequency, power = power_of(luma)
    centroid = float((frequency * power).sum() / power.sum()) * max(luma.shape)
    fine = float(power[frequency > 1 / FINE_PERIOD].sum() / power.sum())
    return centroid, 100 * fine


def with_strokes(subject: Subject, photo: Tensor, style: str, stroke: float) -> Tensor:
    """As the service paints with `stroke`: (1, 3, H, W)."""
    height, width = photo.shape[2:]
    seen = at_size(np.asarray(to_image(photo)), *painted_size(width, height, stroke, max(width, height)))
    painted = subject.paint(to_tensor(seen)[None], {style: 1.0})
    return to_tensor(at_size(np.asarray(to_image(painted)), width, height))[None]


def mean_figures(photos: Sequence[Tensor], paint: Callable[[Tensor], Tensor]) -> Figures:
    centroids, fine = zip(*(figures(paint(photo)) for photo in photos), strict=True)
    return float(np.mean(centroids)), float(np.mean(fine))


def measure(args: argparse.Namespace, subject: Subject) -> dict[str, dict[str, Figures]]:
    """By style: figures of `painting`, `small`, `large` and `large_stroke`."""
    small, large = ([read_picture(args.photos / n, e) for n in unseen(args.count)] for e in (args.edge, 2 * args.edge))
    found = {}
    for work in list_paintings(args.paintings, subject.style_ids):

        def painted(photo: Tensor, stroke: float = 1.0, style: str = work.id) -> Tensor:
            return with_strokes(subject, photo, style, stroke)

        found[work.id] = {
            "painting": figures(read_picture(work.path, PAINTING_EDGE)),
            "small": mean_figures(small, painted),
            "large": mean_figures(large, painted),
            "large_stroke": mean_figures(large, lambda photo, paint=painted: paint(photo, LARGE_STROKE)),
        }
    return found


def report(found: dict[str, dict[str, Figures]], edge: int) -> str:
    headings = ("style", "painting", f"{edge} px", f"{2 * edge} px", "ratio", f"{2 * edge} px, stroke 2", "ratio")
    rows = [[style, *cells(own)] for style, own in found.items()]
    medians = {
        key: tuple(np.median([own[key] for own in found.values()], axis=0)) for key in next(iter(found.values()))
    }
    return table(headings, [*rows, ["**median**", *cells(medians)]])


def cells(own: dict[str, Figures]) -> list[str]:
    painting, small, large, stroke = (f"{c:.0f} ({f:.1f})" for c, f in own.values())
    ratios = [f"{own[key][0] / own['small'][0]:.2f}" for key in ("large", "large_stroke")]
    return [painting, small, large, ratios[0], stroke, ratios[1]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with the unseen photos")
    parser.add_argument("--paintings", type=Path, required=True, help="folder of the paintings, by style id")
    add_model_options(parser)
    parser.add_argument("--edge", type=int, default=512, help="longer edge of the smaller pictures in pixels")
    parser.add_argument("--count", type=int, default=3, help="unseen photos")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args(arguments)
    subject = Subject(args)
    found = measure(args, subject)
    print(
        f"{subject.label}, {args.count} photos: centroid in cycles per picture (per cent of the power that is fine)\n"
    )
    print(report(found, args.edge))
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
