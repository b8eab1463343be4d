"""How many iterations of Gatys a generator's picture is worth, style by style, on photos that no training saw.

The Gatys-equivalent: the loss of the generator's 8-bit picture is compared with the best loss that Gatys et al.
(1508.06576) has reached after each evaluation of L-BFGS (history 20, no line search), started from uniform noise as the
papers do, and from the photo, which is harder to beat. It is the first iteration at which Gatys is better.

The loss is fixed, so that figures of different models and days compare: style = mean over relu1_1 to relu5_1 of
mean (G - A)^2 / mean A^2 with G = F F^T / (H W) and the painting at a longer edge of 512 px; content =
mean (F - P)^2 / mean P^2 at relu4_2; total = style + 0.1 content.

    python benchmarks/quality.py --photos PHOTOS --paintings PAINTINGS --descriptor vgg19_distilled16x.safetensors
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from app.nets.descriptor import load_descriptor
from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.equivalent import eight_bit, first_below, gatys, uniform_noise
from app.training.objective import Objective
from app.training.paintings import list_paintings
from app.training.photos import read_picture
from app.training.recipe import Recipe
from app.training.sheet import to_image

UNSEEN = Path(__file__).parent / "unseen_photos.txt"
FIRST = ("lakeside.jpg", "golden_retriever.jpg")  # the two that every style is measured on; --full takes all


@dataclass(frozen=True)
class Row:
    """One style on one photo. An equivalent that Gatys did not reach is the number of iterations it was given."""

    style_id: str
    photo: str
    total: float
    style: float
    content: float
    from_noise: int
    from_photo: int
    style_only: int


@torch.inference_mode()
def paint(model: Model, style: int, photo: Tensor) -> Tensor:
    painted: Tensor = model.generator(photo, *model.rows(torch.tensor([style], device=photo.device)))
    return eight_bit(painted)


def measure(
    model: Model, objective: Objective, style: int, painting: int, name: str, photo: Tensor, iterations: int
) -> tuple[Row, list[Tensor]]:
    """One row of the table, and the pictures that belong to it: photo, generator's, Gatys' from noise and photo."""
    painted = paint(model, style, photo).clone()
    index = torch.tensor([painting], device=photo.device)
    with torch.no_grad():
        losses = objective(painted, photo, index)
    starts = (uniform_noise(photo), photo)
    curves = [gatys(objective, photo, painting, start, losses, iterations) for start in starts]
    row = Row(
        model.manifest.style_ids[style],
        name,
        losses.total.item(),
        losses.style.item(),
        losses.content.item(),
        *(first_below(curve.totals, losses.total.item()) for curve in curves),
        first_below(curves[0].styles, losses.style.item()),
    )
    return row, [photo, painted, *(curve.best for curve in curves)]


def sheet(pictures: list[Tensor], painting: Tensor) -> Image.Image:
    """The pictures of a row side by side, the painting scaled to their height at the end."""
    images = [to_image(picture) for picture in (*pictures, painting)]
    height = images[0].height
    images = [image.resize((round(image.width * height / image.height), height)) for image in images]
    whole = Image.new("RGB", (sum(image.width for image in images), height))
    left = 0
    for image in images:
        whole.paste(image, (left, 0))
        left += image.width
    return whole


def rows(args: argparse.Namespace, model: Model) -> Iterator[Row]:
    recipe = Recipe(stroke=args.edge, content_layer=args.content_layer, style_layers=tuple(args.style_layers))
    descriptor = load_descriptor(load_file(args.descriptor))
    works = list_paintings(args.paintings, model.manifest.style_ids)
    paintings = [read_picture(work.path, recipe.stroke) for work in works]
    objective = Objective(descriptor, paintings, [1.0] * len(works), recipe).to(args.device)
    order = {work.id: index for index, work in enumerate(works)}
    names = UNSEEN.read_text().split() if args.full else FIRST
    pairs = ((style, name) for name in names for style in range(len(model.manifest.styles)))
    for style, name in islice(pairs, args.pairs):
        painting = order[model.manifest.style_ids[style]]
        photo = read_picture(args.photos / name, args.edge).to(args.device)
        row, pictures = measure(model, objective, style, painting, name, photo, args.iterations)
        if args.sheets:
            args.sheets.mkdir(parents=True, exist_ok=True)
            stem = f"{row.style_id}-{Path(name).stem}-{args.edge}"
            sheet(pictures, paintings[painting]).save(args.sheets / f"{stem}.jpg", quality=92)
        yield row


def report(model: Model, measured: list[Row], args: argparse.Namespace, seconds: float) -> None:
    print(f"\n{model.manifest.label} at {args.edge} px, {Path(args.descriptor).stem}, {seconds:.0f} s\n")
    print("| style | total | style | content | from noise | from photo | style only |\n|---|---|---|---|---|---|---|")
    for style in dict.fromkeys(row.style_id for row in measured):
        own = [row for row in measured if row.style_id == style]
        losses = (sum(getattr(row, part) for row in own) / len(own) for part in ("total", "style", "content"))
        counts = (min(getattr(row, part) for row in own) for part in ("from_noise", "from_photo", "style_only"))
        print(f"| {style} |", " | ".join(f"{loss:.4f}" for loss in losses), "|", " | ".join(map(str, counts)), "|")
    for name, summary in (("median", median), ("minimum", min)):
        figures = (
            summary(getattr(row, part) for row in measured) for part in ("from_noise", "from_photo", "style_only")
        )
        print(f"| **{name}** | | | |", " | ".join(f"{figure:g}" for figure in figures), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--descriptor", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--edge", type=int, default=512, help="longer edge of photos and paintings in pixels")
    parser.add_argument("--style-layers", nargs="+", default=Recipe().style_layers)
    parser.add_argument("--content-layer", default="relu4_2")
    parser.add_argument("--iterations", type=int, default=200, help="evaluations that Gatys is given at most")
    parser.add_argument("--full", action="store_true", help="all unseen photos")
    parser.add_argument("--pairs", type=int, help="only the first pairs of style and photo")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--sheets", type=Path, help="folder for a picture of every pair")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()

    model = Repository(args.models).load(args.model)
    model.generator.to(args.device)
    model.rows.to(args.device)
    began = time.monotonic()
    measured = []
    for row in rows(args, model):
        measured.append(row)
        print(json.dumps(asdict(row)), flush=True)
    report(model, measured, args, time.monotonic() - began)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in measured], indent=2) + "\n")


if __name__ == "__main__":
    main()
