"""A picture of the catalogue: freely licensed photos in every style, with the styles' names.

python -m benchmarks.quality.gallery docs/gallery.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import skimage
from PIL import Image

from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.photos import read_picture
from app.training.sheet import paint_sample, to_image
from benchmarks.captions import CAPTION, captioned

FOLDER = Path(skimage.__file__).parent / "data"


def gallery(model: Model, photos: list[Path], edge: int, columns: int) -> Image.Image:
    """Cells in reading order: the photos themselves, then each style on the photos in turn."""
    contents = [read_picture(path, edge) for path in photos]
    height = max(content.shape[2] for content in contents)
    cells = [captioned(to_image(c), "the photo", edge, height) for c in contents]
    for index, style in enumerate(model.manifest.styles):
        content = contents[index % len(contents)]
        painted = to_image(paint_sample(model.generator, model.rows, content, index))
        cells.append(captioned(painted, style.id, edge, height))
    lines = -(-len(cells) // columns)
    whole = Image.new("RGB", (columns * edge, lines * (height + CAPTION)), "white")
    for place, cell in enumerate(cells):
        whole.paste(cell, ((place % columns) * edge, (place // columns) * (height + CAPTION)))
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--photos", type=Path, nargs="+", default=[FOLDER / "chelsea.png", FOLDER / "astronaut.png"])
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--edge", type=int, default=320, help="longer edge of a cell in pixels")
    parser.add_argument("--columns", type=int, default=6)
    args = parser.parse_args()
    gallery(Repository(args.models).load(args.model), args.photos, args.edge, args.columns).save(
        args.output, quality=88
    )


if __name__ == "__main__":
    main()
