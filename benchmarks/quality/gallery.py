"""A picture of the catalogue: freely licensed photos in every style, with the styles' names.

python -m benchmarks.quality.gallery docs/gallery.jpg

The photos are scikit-image's, which `make test` installs and `make serve` does not; with --photos it is not needed.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from PIL import Image

from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.photos import read_picture
from app.training.sheet import paint_sample, to_image
from benchmarks.captions import CAPTION, captioned

FREE = ("chelsea.png", "astronaut.png")


def free_photos() -> list[Path]:
    """Those of scikit-image; it is not imported, only looked for. ModuleNotFoundError: it is not installed."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("scikit-image")
    return [Path(found.origin).parent / "data" / name for name in FREE]


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
    parser.add_argument("--photos", type=Path, nargs="+", help="scikit-image's if none are named")
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--edge", type=int, default=320, help="longer edge of a cell in pixels")
    parser.add_argument("--columns", type=int, default=6)
    args = parser.parse_args()
    try:
        photos = args.photos or free_photos()
    except ModuleNotFoundError:
        parser.error("scikit-image is not installed: `make test` installs it, or name photos of your own by --photos")
    gallery(Repository(args.models).load(args.model), photos, args.edge, args.columns).save(args.output, quality=88)


if __name__ == "__main__":
    main()
