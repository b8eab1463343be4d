"""The loss that pictures are judged by, the same for every model and day, so that figures compare.

style = mean over the style layers of mean (G - A)^2 / mean A^2, with G = F F^T / (H W) and the painting at a longer
edge of 512 px, whatever the size of the picture; content = mean (F - P)^2 / mean P^2; total = style + 0.1 content. The
layers are relu1_1 to relu5_1, and relu4_2 for content, of the distilled VGG-19 that the trainings were given.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from app.nets.descriptor import STYLE_LAYERS, load_descriptor
from app.training.equivalent import Curve, gatys, judged
from app.training.objective import Losses, Objective
from app.training.paintings import list_paintings
from app.training.photos import read_picture
from app.training.recipe import Recipe

PAINTING_EDGE = 512
CONTENT_LAYER = "relu4_2"


def add_judge_options(parser: ArgumentParser) -> None:
    parser.add_argument("--photos", type=Path, required=True, help="folder with the unseen photos")
    parser.add_argument("--paintings", type=Path, required=True, help="folder of the paintings, by style id")
    parser.add_argument("--descriptor", type=Path, required=True, help="the distilled VGG-19, a safetensors file")


class Judge:
    """The loss of a picture against the painting of its style.

    Attributes:
        paintings: pictures (1, 3, H, W) by style id.
    """

    def __init__(
        self,
        network: Path,
        folder: Path,
        style_ids: Sequence[str],
        device: torch.device,
        style_layers: Sequence[str] = STYLE_LAYERS,
        content_layer: str = CONTENT_LAYER,
    ) -> None:
        works = list_paintings(folder, style_ids)
        self.paintings = {work.id: read_picture(work.path, PAINTING_EDGE) for work in works}
        self.device = device
        recipe = Recipe(style_layers=tuple(style_layers), content_layer=content_layer)
        descriptor = load_descriptor(load_file(network))
        self.objective = Objective(descriptor, [*self.paintings.values()], [1.0] * len(works), recipe)
        # A quarter less time on a CPU, the same figures.
        self.objective.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._place = {style: index for index, style in enumerate(self.paintings)}

    def losses(self, painted: Tensor, photo: Tensor, style: str) -> Losses:
        """Of `painted` (1, 3, H, W) in `style` against the photo of its size."""
        return judged(self.objective, painted.to(self.device), photo.to(self.device), self._place[style])

    def gatys(self, photo: Tensor, style: str, start: Tensor, target: Losses, iterations: int) -> Curve:
        """Plain L-BFGS from `start` until it is better than `target`."""
        photo, start = photo.to(self.device), start.to(self.device)
        return gatys(self.objective, photo, self._place[style], start, target, iterations)
