"""Training a whole model: from photos and paintings to a candidate version, for the command line and the jobs alike.

whole = Whole("mine", works, descriptor, "slim", Recipe(steps=8000), photos=list_photos(folder))
candidate = train_whole(whole, folder, watch=lambda progress: ..., stop=lambda: False)
candidate.publish(models_root)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from app.nets.descriptor import Descriptor
from app.registry.repository import Model
from app.releases.candidate import Candidate
from app.releases.progress import Stop, Watch
from app.training.paintings import Painting
from app.training.recipe import Recipe

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Whole:
    """What a model is trained from.

    Attributes:
        name: of the model.
        photos: to train on; none: the built-in pictures.
        unseen: photos to score on.
        base: the model that `recipe.base` names, where it names one.
        preview, notes: a photo (1, 3, H, W) to paint the previews from, and Markdown for the card.
    """

    name: str
    works: tuple[Painting, ...]
    descriptor: Descriptor
    descriptor_name: str
    recipe: Recipe
    photos: tuple[Path, ...] = ()
    unseen: tuple[Path, ...] = ()
    base: Model | None = None
    preview: Tensor | None = None
    notes: str = ""
    device: torch.device = CPU
    compiled: bool = False


def train_whole(whole: Whole, folder: Path, watch: Watch, stop: Stop = lambda: False) -> Candidate | None:
    """Train in `folder`, which a stopped or killed training goes on from, score and pass the gates.

    Returns:
        None in all processes but the first, where several train together.

    Raises:
        TrainingStopped: `stop` said so.
        and what `add_styles` raises.
    """
    raise NotImplementedError
