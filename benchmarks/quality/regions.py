"""A picture of regions: photos with outlines, painted as the service does it, and in one pass with mixed rows.

python -m benchmarks.quality.regions docs/regions.jpg

Composed: each style paints the whole photo, and the paintings are laid over each other in linear light. One pass:
gamma and beta of every pixel are those of its region, mixed where it is soft; the norms then find the mean and the
deviation of all regions together. The photos are those of the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from app.engine.region import Manner, Paintings, Region
from app.imaging.picture import Picture, Pixels
from app.imaging.polygon import Point, Polygon
from app.nets import norm
from app.nets.generators import Generator, pad_to_multiple
from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.photos import read_picture
from app.training.sheet import paint_sample, to_image
from benchmarks.captions import stacked, strip

SAMPLES = Path(__file__).parents[2] / "app" / "web" / "samples"
FEATHER = 0.02


@dataclass(frozen=True)
class Example:
    """A photo in the style `rest`, and in another one within the outline."""

    photo: str
    outline: tuple[Point, ...]
    style: str
    rest: str


EXAMPLES = (
    Example(
        "cat.jpg",
        ((0.3, 0.08), (0.75, 0.08), (0.86, 0.55), (0.72, 0.9), (0.45, 0.97), (0.25, 0.75), (0.2, 0.4)),
        "udnie",
        "starry_night",
    ),
    Example(
        "coffee.jpg",
        ((0.16, 0.5), (0.25, 0.25), (0.32, 0.07), (0.55, 0.03), (0.72, 0.16), (0.79, 0.5), (0.66, 0.85), (0.35, 0.9)),
        "great_wave",
        "the_scream",
    ),
    Example(
        "astronaut.jpg",
        (
            (0.05, 1), (0.05, 0.62), (0.22, 0.45), (0.27, 0.1), (0.42, 0.02), (0.57, 0.1), (0.6, 0.38), (0.7, 0.5),
            (0.72, 0.66), (1, 0.8), (1, 1),
        ),
        "starry_night",
        "udnie",
    ),
)  # fmt: skip


class MixedNorm:
    """Conditional instance norm with gamma and beta per pixel.

    Args:
        shares: (1, K, H, W) of the K regions at the size of the padded picture, summing to 1.
    """

    def __init__(self, shares: Tensor) -> None:
        self._shares = shares
        self._norm = norm.conditional_instance_norm

    def __call__(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """x (1, C, H, W); gamma, beta (K, C)."""
        normed = self._norm(x, torch.ones_like(gamma[:1]), torch.zeros_like(beta[:1]))
        shares = F.interpolate(self._shares, size=x.shape[-2:], mode="area")[0]
        scale, shift = (torch.einsum("khw,kc->chw", shares, rows) for rows in (gamma, beta))
        return normed * scale + shift


@torch.inference_mode()
def in_one_pass(generator: Generator, content: Tensor, gamma: Tensor, beta: Tensor, shares: Sequence[Pixels]) -> Tensor:
    """content (1, 3, H, W), gamma and beta (K, features), shares (H, W) of 255 each -> (1, 3, H, W)."""
    whole = torch.from_numpy(np.stack(shares)).float()[None] / 255
    paddings = generator.multiple, generator.smallest, generator.margin
    padded, shares_there = (pad_to_multiple(x, *paddings) for x in (content, whole))
    with mock.patch.object(norm, "conditional_instance_norm", MixedNorm(shares_there)):
        painted = generator.paint(padded, generator.split(gamma, beta))
    return generator.within(painted, *content.shape[-2:])


def row(model: Model, example: Example, photo: Path, edge: int) -> Image.Image:
    content = read_picture(photo, edge)
    seen = np.array(to_image(content))
    size = (seen.shape[1], seen.shape[0])
    area = Polygon(example.outline, FEATHER)
    ids = [model.manifest.style_ids.index(style) for style in (example.style, example.rest)]
    whole = [np.asarray(to_image(paint_sample(model.generator, model.rows, content, index))) for index in ids]
    blends = [{style: 1.0} for style in (example.style, example.rest)]
    within, around = (Manner(blend, 1.0, "style") for blend in blends)
    shares = area.shares(*size)
    paintings = Paintings(blends, whole)
    composed = paintings.composed(Picture(seen), around, [Region(area, within)], lambda _: shares)
    mixed = in_one_pass(model.generator, content, model.rows.gamma[ids], model.rows.beta[ids], [shares, 255 - shares])
    return strip(
        [
            (f"{example.style} within the outline, {example.rest} around it", outlined(seen, area)),
            ("composed, as the service does it", Image.fromarray(composed.rgb)),
            ("one pass with rows mixed per pixel", to_image(mixed)),
        ]
    )


def outlined(photo: Pixels, area: Polygon) -> Image.Image:
    image = Image.fromarray(photo)
    points = [(x * image.width, y * image.height) for x, y in area.points]
    draw = ImageDraw.Draw(image)
    for colour, width in (("black", 5), ("white", 2)):
        draw.line([*points, points[0]], colour, width, joint="curve")
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--edge", type=int, default=384, help="longer edge of a picture in pixels")
    args = parser.parse_args()
    model = Repository(args.models).load(args.model)
    rows = [row(model, example, SAMPLES / example.photo, args.edge) for example in EXAMPLES]
    stacked(rows).save(args.output, quality=85)


if __name__ == "__main__":
    main()
