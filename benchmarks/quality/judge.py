"""The loss that pictures are judged by, the same for every model and day, so that figures compare.

style = mean over the style layers of mean (G - A)^2 / mean A^2, with G = F F^T / (H W) and the painting at a longer
edge of 512 px, whatever the size of the picture; content = mean (F - P)^2 / mean P^2; total = style + 0.1 content. The
layers are relu1_1 to relu5_1, and relu4_2 for content, of the distilled VGG-19 that the trainings were given.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor

from app.nets.descriptor import STYLE_LAYERS, load_descriptor
from app.training.equivalent import Curve, gatys, judged, uniform_noise
from app.training.objective import Losses, Objective
from app.training.paintings import list_paintings
from app.training.photos import read_picture
from app.training.recipe import Recipe
from benchmarks.quality.curves import Descent, Start, digest

PAINTING_EDGE = 512
CONTENT_LAYER = "relu4_2"
CONTENT_WEIGHT = 0.1
# A training bounds the energy of flat photos from below, by that of all its paintings; here no painting counts but one.
NO_ENERGY = 1e-12


def add_judge_options(parser: ArgumentParser) -> None:
    parser.add_argument("--photos", type=Path, required=True, help="folder with the unseen photos")
    parser.add_argument("--paintings", type=Path, required=True, help="folder of the paintings, by style id")
    parser.add_argument("--descriptor", type=Path, required=True, help="the distilled VGG-19, a safetensors file")
    parser.add_argument("--edge", type=int, default=512, help="longer edge of the photos in pixels")
    parser.add_argument("--json", type=Path, help="file for the figures")


@dataclass(frozen=True)
class Photo:
    """A picture file at a longer edge in pixels: (1, 3, H, W)."""

    picture: Tensor
    edge: int
    digest: str

    @classmethod
    def read(cls, path: Path, edge: int) -> Photo:
        return cls(read_picture(path, edge), edge, digest(path.read_bytes()))


class Judge:
    """The loss of a picture against the painting of its style.

    Attributes:
        paintings: pictures (1, 3, H, W) by style id.
    """

    def __init__(
        self,
        network: Path,
        folder: Path,
        style_ids: Iterable[str],
        device: torch.device,
        style_layers: Sequence[str] = STYLE_LAYERS,
        content_layer: str = CONTENT_LAYER,
    ) -> None:
        works = list_paintings(folder, sorted(style_ids))
        self.paintings = {work.id: read_picture(work.path, PAINTING_EDGE) for work in works}
        self.device = device
        recipe = Recipe(style_layers=tuple(style_layers), content_layer=content_layer, content_weight=CONTENT_WEIGHT)
        content = network.read_bytes()
        self.objective = Objective(
            load_descriptor(load(content)), [*self.paintings.values()], [1.0] * len(works), recipe
        )
        self.objective.get_buffer("least_energy").fill_(NO_ENERGY)
        # A quarter less time on a CPU, the same figures.
        self.objective.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._place = {style: index for index, style in enumerate(self.paintings)}
        self._network = digest(content)
        self._digests = {work.id: digest(work.path.read_bytes()) for work in works}

    def losses(self, painted: Tensor, photo: Tensor, style: str) -> Losses:
        """Of `painted` (1, 3, H, W) in `style` against the photo of its size."""
        return judged(self.objective, painted.to(self.device), photo.to(self.device), self._place[style])

    def descent(self, photo: Photo, style: str, start: Start) -> Descent:
        return Descent(
            network=self._network,
            style_layers=self.objective.style_layers,
            content_layer=self.objective.content_layer,
            painting=self._digests[style],
            painting_edge=PAINTING_EDGE,
            photo=photo.digest,
            edge=photo.edge,
            start=start,
        )

    def gatys(self, photo: Photo, style: str, start: Start, iterations: int) -> Curve:
        """Plain L-BFGS, from uniform noise or from the photo."""
        picture = photo.picture.to(self.device)
        begin = uniform_noise(picture) if start == "noise" else picture
        return gatys(self.objective, picture, self._place[style], begin, iterations)
