"""Large photos, painted as `stroke=auto` does: as near to the style image as at 512 px, and how crisp.

Each unseen photo is enlarged to 12 megapixels and painted in every style, in four ways: at 512 px (`small`), the same
with `boldness=1` (`bold`), the small one enlarged to 1024 px by Lanczos (`enlarged`), and painted over at 1024 px
(`repainted`), as the service does. The distance is that of the judge of independent_judge.py, of the results reduced to
512 px. Sharpness is the energy of differences between neighbouring pixels at 1024 px, relative to a painting made at
that size (`stroke=1`), whose strokes are half as large.

    python -m benchmarks.quality.large --photos PHOTOS --paintings SHIPPED_STYLE_IMAGES --count 2 --sheet large.jpg
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median

import numpy as np
from PIL import Image

from app.engine.device import choose_device
from app.engine.repainting import Repainting
from app.engine.stylizer import Stylizer
from app.imaging.picture import Pixels
from app.imaging.stroke import AUTO_EDGE, REPAINTED, at_size
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS, usable_cores
from app.training.photos import open_rgb
from benchmarks.captions import stacked, strip
from benchmarks.markdown_table import table
from benchmarks.quality.independent_judge import IndependentJudge, load_embed
from benchmarks.unseen import add_count_option, unseen

WAYS = ("small", "bold", "enlarged", "repainted")
CROPPED = 400  # pixels of the sheet's details


def paint(stylizer: Stylizer, photo: Image.Image, style: str) -> dict[str, Pixels]:
    """By way; `exact` is painted at the large size."""
    blends = [{style: 1.0}]
    edge = AUTO_EDGE / max(photo.size)
    width, height = (round(edge * side) for side in photo.size)
    large = (REPAINTED * width, REPAINTED * height)
    seen = at_size(np.asarray(photo), width, height)
    [small] = stylizer.paint([seen], blends)
    [bold] = stylizer.paint([seen], blends, Repainting(boldness=1))
    [repainted] = stylizer.paint([seen], blends, Repainting(size=large))
    [exact] = stylizer.paint([at_size(np.asarray(photo), *large)], blends)
    return {"small": small, "bold": bold, "enlarged": at_size(small, *large), "repainted": repainted, "exact": exact}


def sharpness(picture: Pixels) -> float:
    values = picture.astype(float)
    return float(np.square(np.diff(values, axis=0)).mean() + np.square(np.diff(values, axis=1)).mean())


def reduced(picture: Pixels) -> Image.Image:
    image = Image.fromarray(picture)
    image.thumbnail((AUTO_EDGE, AUTO_EDGE), Image.Resampling.LANCZOS)
    return image


def detail(picture: Pixels) -> Image.Image:
    image = Image.fromarray(picture)
    left, top = ((side - CROPPED) // 2 for side in image.size)
    return image.crop((left, top, left + CROPPED, top + CROPPED))


Figures = dict[str, dict[str, list[float]]]


def report(distances: Figures, sharp: Mapping[str, list[float]]) -> str:
    lines = []
    for way in WAYS:
        means = [fmean(values) for values in distances[way].values()]
        crisp = f"{fmean(sharp[way]):.2f}" if way in sharp else ""
        lines.append([way, f"{fmean(means):.2f}", f"{median(means):.2f}", crisp])
    return table(("painted", "distance: mean", "median", "sharpness"), lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with the unseen photos")
    parser.add_argument("--paintings", type=Path, required=True, help="folder of the model's own style images")
    parser.add_argument("--styles", nargs="+", help="some of the styles")
    parser.add_argument("--sheet", type=Path, help="file for details of the first photo, enlarged and repainted")
    add_count_option(parser, 2)
    args = parser.parse_args(arguments)
    model = Repository(SHIPPED_MODELS).load("compact")
    device = choose_device("cpu", "auto", usable_cores())
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    styles = args.styles or stylizer.style_ids
    judge = IndependentJudge(load_embed(), {style: open_rgb(args.paintings / f"{style}.jpg") for style in styles})
    distances: Figures = {way: {style: [] for style in styles} for way in WAYS}
    sharp: dict[str, list[float]] = {"enlarged": [], "repainted": []}
    sheet = []
    for number, name in enumerate(unseen(args.count)):
        photo = open_rgb(args.photos / name).resize((4000, 3000), Image.Resampling.LANCZOS)
        for style in styles:
            painted = paint(stylizer, photo, style)
            for way in WAYS:
                distances[way][style].append(judge.distances(reduced(painted[way]))[style])
            for way, values in sharp.items():
                values.append(sharpness(painted[way]) / sharpness(painted["exact"]))
            if not number:
                sheet.append(strip([(f"{style}, {way}", detail(painted[way])) for way in sharp]))
    print(f"{len(styles)} styles, {args.count} photos of 12 megapixels\n\n{report(distances, sharp)}")
    if args.sheet:
        stacked(sheet).save(args.sheet, quality=88)


if __name__ == "__main__":
    main()
