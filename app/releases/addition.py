"""Adding styles to a model: from paintings to a candidate version, for the command line and the jobs alike.

    addition = Addition(base, works, descriptor, "slim", add_recipe(base.manifest.recipe, {"minutes": 1}), photos=None)
    candidate = add_styles(addition, folder, watch=lambda progress: ..., stop=lambda: False)
    if candidate.report.passed:
        folder = candidate.publish(models_root)          # or publish(scratch, version=7)

`add_styles` raises TrainingStopped when `stop` said so. Called again with the same addition and folder, here or
wherever the folder's `checkpoint.safetensors` was carried to, it goes on from there to the same result.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from app.nets.descriptor import Descriptor
from app.registry.repository import Model
from app.releases.candidate import Candidate
from app.releases.progress import Stop, Watch
from app.training.paintings import Painting
from app.training.recipe import AddRecipe

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Addition:
    """What is added to which model, and how.

    Attributes:
        base: the model that the styles are appended to, with its verified files.
        works: the paintings; ids that the base does not have.
        descriptor, descriptor_name: the loss network; best the one that the base was trained with.
        photos: a folder of photos; None: the built-in pictures.
        exclude: file names in it that are kept out of the training, and scored on.
        preview: the photo (1, 3, H, W) in 0..1 that previews are painted from; None: no preview for the new styles.
    """

    base: Model
    works: tuple[Painting, ...]
    descriptor: Descriptor
    descriptor_name: str
    recipe: AddRecipe
    photos: Path | None = None
    exclude: Collection[str] = ()
    preview: Tensor | None = None
    device: torch.device = CPU


def add_styles(addition: Addition, folder: Path, watch: Watch, stop: Stop = lambda: False) -> Candidate:
    """Train the rows in `folder`, which a stopped or killed training goes on from, score them and pass the gates.

    Raises:
        TrainingStopped: `stop` said so.
        TrainingDiverged: the losses became infinite again and again.
        UnusableRun: the folder holds another training.
        NoPhotos, UnreadablePicture, MissingLayer, UnusableAddition: an input cannot be used; the sentence says why.
    """
    raise NotImplementedError
