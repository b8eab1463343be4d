"""A picture of what `color` does: photos, and their stylized images with `style`, `keep` and `match`.

python -m benchmarks.quality.colours docs/colours.jpg
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from app.imaging.compose import Colour, compose
from app.imaging.picture import Picture
from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.photos import read_picture
from app.training.sheet import paint_sample, to_image
from benchmarks.captions import stacked, strip
from benchmarks.quality.gallery import free_photos

STYLES = ("the_scream", "starry_night", "woodcut")


def row(model: Model, photo: Path, style: str, edge: int) -> Image.Image:
    content = read_picture(photo, edge)
    painted = np.asarray(
        to_image(paint_sample(model.generator, model.rows, content, model.manifest.style_ids.index(style)))
    )
    seen = to_image(content)
    shown: Iterable[tuple[str, Image.Image]] = (
        (f"{style}, color={color}", Image.fromarray(compose(Picture(np.array(seen)), painted, color, 1.0).rgb))
        for color in get_args(Colour)
    )
    return strip([("the photo", seen), *shown])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--photos", type=Path, nargs="+", help="scikit-image's if none are named")
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--edge", type=int, default=256, help="longer edge of a picture in pixels")
    args = parser.parse_args()
    model = Repository(args.models).load(args.model)
    photos = args.photos or free_photos()
    stacked([row(model, photo, style, args.edge) for photo in photos for style in args.styles]).save(
        args.output, quality=80
    )


if __name__ == "__main__":
    main()
