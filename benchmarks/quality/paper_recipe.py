"""What `recipe=paper` paints with the loss network that ships, judged by a network that nothing here was trained on.

Each photo is painted in its style image from noise, as a job with `recipe=paper` does it. The table has the distance of
the stylized image from the style image to the judge of independent_judge.py, and that of the photo itself.

    python -m benchmarks.quality.paper_recipe sheet.jpg --styles starry_night.jpg the_scream.jpg great_wave.jpg
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from app.gatys.options import GatysOptions
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.settings import SHIPPED_MODELS
from app.training.photos import read_picture
from app.training.sheet import to_image
from benchmarks.markdown_table import table
from benchmarks.quality.independent_judge import IndependentJudge, load_embed
from benchmarks.quality.loss_networks import PHOTOS, paint, save, sheet


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", type=Path, help="JPEG to write")
    parser.add_argument("--photos", type=Path, nargs="+", default=PHOTOS)
    parser.add_argument("--styles", type=Path, nargs="+", required=True, help="a style image for each photo")
    parser.add_argument("--edge", type=int, default=384, help="longer edge of the pictures in pixels")
    parser.add_argument("--iterations", type=int, default=300)
    args = parser.parse_args(arguments)
    if len(args.photos) != len(args.styles):
        parser.error("Each photo needs one style image.")

    network = load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR)
    options = GatysOptions(recipe="paper", size=args.edge, iterations=args.iterations)
    judge = IndependentJudge(load_embed(), {path.stem: to_image(read_picture(path, args.edge)) for path in args.styles})
    rows, line = [], []
    for photo_path, style_path in zip(args.photos, args.styles, strict=True):
        photo, style = read_picture(photo_path, args.edge), read_picture(style_path, args.edge)
        made = to_image(paint(photo, style, network, options))
        distances = [judge.distances(picture)[style_path.stem] for picture in (made, to_image(photo))]
        rows.append([photo_path.stem, style_path.stem, *(f"{distance:.2f}" for distance in distances)])
        line.append((f"{photo_path.stem}, {style_path.stem}", made))
        save(sheet([line], args.edge), args.sheet)
        print(" | ".join(rows[-1]), flush=True)
    print(table(["photo", "style image", "distance", "of the photo"], rows))


if __name__ == "__main__":
    main()
