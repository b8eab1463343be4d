"""Whether Gatys paints as well with one loss network as with another: the same pictures, network by network.

Each photo is painted in its painting by app.gatys as the service does it, coarse to fine, with every network. Networks
that end before relu4_2 lend the style layers that they have, and relu3_3 for content. The sheet shows the pictures; the
table is the balanced loss at full size, in float32, by each network (the line) of the pictures made with each (the
column), as a multiple of the one made with itself: the mean over the photos. A network that paints as well as another
is close to 1 in the other's line, and one that leaves the photo alone is where the photo is, which stands beside them.

    python -m benchmarks.quality.loss_networks sheet.jpg --photos a.jpg b.jpg --paintings c.jpg d.jpg \\
        --network distilled=vgg19_distilled16x.safetensors --network "exact blocks 1 to 3=vgg19_conv1-conv3.safetensors"
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean

import skimage
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from app.gatys.objective import GatysObjective
from app.gatys.options import GatysOptions
from app.gatys.transfer import Transfer
from app.nets.descriptor import STYLE_LAYERS, Descriptor, load_descriptor
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.settings import SHIPPED_MODELS
from app.training.photos import read_picture, to_tensor
from app.training.sheet import to_image
from benchmarks.captions import CAPTION, captioned
from benchmarks.markdown_table import table

FREE = Path(skimage.__file__).parent / "data"  # photos that anyone may show
PHOTOS = [FREE / "chelsea.png", FREE / "coffee.png", FREE / "astronaut.png"]
PHOTO = "the photo"
DEEP_CONTENT, SHALLOW_CONTENT = "relu4_2", "relu3_3"
JPEG_BYTES = 300_000

Picture = Mapping[str, Tensor]  # one pair's pictures (1, 3, H, W), by the network that they were made with


def options_for(descriptor: Descriptor, edge: int, iterations: int) -> GatysOptions:
    """The defaults, as far as the network goes."""
    layers = [layer for layer in STYLE_LAYERS if layer in descriptor.layers]
    content = DEEP_CONTENT if DEEP_CONTENT in descriptor.layers else SHALLOW_CONTENT
    return GatysOptions(
        size=edge,
        iterations=iterations,
        tolerance=0,
        style_layers=dict.fromkeys(layers, 1 / len(layers)),
        content_layers={content: 1.0},
    )


def paint(photo: Tensor, painting: Tensor, descriptor: Descriptor, options: GatysOptions) -> Tensor:
    transfer = Transfer(photo, [(painting, 1.0)], descriptor, options)
    for _ in transfer.run():
        pass
    return to_tensor(transfer.picture())[None]


@torch.no_grad()
def loss(objective: GatysObjective, picture: Tensor) -> float:
    options = objective.options
    features = objective.features(picture, {**objective.style_layers, **objective.content_layers})
    content = objective.content_distance(features)
    return float(options.style_weight * objective.style(features) + options.content_weight * content)


def cross_losses(
    networks: Mapping[str, Descriptor],
    options: Mapping[str, GatysOptions],
    photo: Tensor,
    painting: Tensor,
    made: Picture,
) -> Iterator[tuple[tuple[str, str], float]]:
    """By judge and maker, PHOTO among these: the loss of the maker's picture as a multiple of that of the judge's."""
    for judge, descriptor in networks.items():
        objective = GatysObjective(descriptor, photo, [(painting, 1.0)], options[judge])
        own = loss(objective, made[judge])
        yield from (
            ((judge, maker), loss(objective, picture) / own) for maker, picture in {**made, PHOTO: photo}.items()
        )


def sheet(lines: Sequence[Sequence[tuple[str, Image.Image]]], edge: int) -> Image.Image:
    """Cells of `edge` pixels a line."""
    heights = [max(round(image.height * edge / image.width) for _, image in line[:1]) for line in lines]
    width = max(len(line) for line in lines) * edge
    whole = Image.new("RGB", (width, sum(heights) + CAPTION * len(lines)), "white")
    top = 0
    for line, height in zip(lines, heights, strict=True):
        for column, (text, image) in enumerate(line):
            scale = min(edge / image.width, height / image.height)
            small = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
            whole.paste(captioned(small, text, edge, height), (column * edge, top))
        top += height + CAPTION
    return whole


def save(image: Image.Image, path: Path) -> None:
    """As good a JPEG as JPEG_BYTES allow."""
    for quality in range(90, 40, -4):
        image.save(path, quality=quality)
        if path.stat().st_size <= JPEG_BYTES:
            return


def named_network(text: str) -> tuple[str, Descriptor]:
    name, _, path = text.rpartition("=")
    return name or Path(path).stem, load_descriptor(load_file(path))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheet", type=Path, help="JPEG to write")
    parser.add_argument("--photos", type=Path, nargs="+", default=PHOTOS)
    parser.add_argument("--paintings", type=Path, nargs="+", required=True, help="one for each photo")
    parser.add_argument("--network", action="append", type=named_network, default=[], help="name=file, several times")
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS, help="folder with the shipped loss network")
    parser.add_argument("--edge", type=int, default=384, help="longer edge of the pictures in pixels")
    parser.add_argument("--cell", type=int, default=256, help="width of a picture on the sheet in pixels")
    parser.add_argument("--iterations", type=int, default=150, help="over all scales")
    parser.add_argument("--pictures", type=Path, help="folder for the pictures at full size")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args(arguments)
    if len(args.photos) != len(args.paintings):
        parser.error("Each photo wants one painting.")

    networks = {SHIPPED_DESCRIPTOR: load_published(args.models, SHIPPED_DESCRIPTOR), **dict(args.network)}
    options = {name: options_for(network, args.edge, args.iterations) for name, network in networks.items()}
    lines, ratios = [], []
    for photo_path, painting_path in zip(args.photos, args.paintings, strict=True):
        photo, painting = read_picture(photo_path, args.edge), read_picture(painting_path, args.edge)
        made = {name: paint(photo, painting, network, options[name]) for name, network in networks.items()}
        ratios.append(dict(cross_losses(networks, options, photo, painting, made)))
        # Without the painting: it may be there to learn from, and not to be handed on.
        pictures = {f"{photo_path.stem}, {painting_path.stem}": photo} | made
        lines.append([(name, to_image(picture)) for name, picture in pictures.items()])
        save(sheet(lines, args.cell), args.sheet)
        if args.pictures:
            args.pictures.mkdir(parents=True, exist_ok=True)
            for name, picture in made.items():
                to_image(picture).save(args.pictures / f"{photo_path.stem}-{name.replace(' ', '_')}.png")
        print(f"{photo_path.stem}, {painting_path.stem}", flush=True)
    means = {pair: fmean(found[pair] for found in ratios) for pair in product(networks, [*networks, PHOTO])}
    rows = [[judge, *(f"{means[judge, maker]:.2f}" for maker in [*networks, PHOTO])] for judge in networks]
    print(table(["loss by \\ picture with", *networks, PHOTO], rows))
    if args.json:
        args.json.write_text(
            json.dumps({f"{judge} of {maker}": mean for (judge, maker), mean in means.items()}, indent=2)
        )


if __name__ == "__main__":
    main()
