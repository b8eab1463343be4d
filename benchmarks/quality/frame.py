"""What a frame of zeros leaves in VGG's features: the network as published against itself with mirrored borders.

Centred R^2 by layer, over unseen photos: no network without a frame can explain more of the published one.

    python -m benchmarks.quality.frame --photos PHOTOS --network vgg19_conv1-conv3.safetensors
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from app.cli.training_run import read_descriptor
from app.nets.descriptor import Descriptor
from app.training.distillation import squares
from app.training.photos import read_picture
from benchmarks.markdown_table import table
from benchmarks.unseen import unseen


@torch.inference_mode()
def explained(framed: Descriptor, mirrored: Descriptor, photos: Sequence[Tensor]) -> dict[str, float]:
    """R^2 by layer of the mirrored features, centred per channel and photo (1, 3, H, W)."""
    errors, spreads = dict.fromkeys(framed.layers, 0.0), dict.fromkeys(framed.layers, 0.0)
    for photo in photos:
        others = mirrored(photo, mirrored.layers)
        for layer, feature in framed(photo, framed.layers).items():
            error, spread = squares(others[layer], feature)
            errors[layer] += error.item()
            spreads[layer] += spread.item()
    return {layer: 1 - errors[layer] / spreads[layer] for layer in framed.layers}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with the unseen photos")
    parser.add_argument("--network", type=Path, required=True, help="VGG-19 or its first blocks, a safetensors file")
    parser.add_argument("--edge", type=int, default=320, help="longer edge of the photos in pixels")
    parser.add_argument("--count", type=int, default=8, help="photos")
    args = parser.parse_args(arguments)
    framed = read_descriptor(args.network)
    photos = [read_picture(args.photos / name, args.edge) for name in unseen(args.count)]
    r2 = explained(framed, framed.padded("reflect"), photos)
    print(table(["layer", "R^2"], [[layer, f"{value:.3f}"] for layer, value in r2.items()]))


if __name__ == "__main__":
    main()
