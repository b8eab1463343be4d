"""Rows that are trained for a style image on the frozen generator, as `refine` and `pastiche train add` train them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from app.engine.style_reader import StyleReader
from app.model_builds.addition import fitting_precision
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.repository import Model
from app.training.objective import Objective
from app.training.photos import Photos, to_tensor
from app.training.recipe import AddRecipe, add_recipe
from app.training.row_trainer import RowTrainer
from app.training.synthetic import BuiltInPictures

CPU = torch.device("cpu")
STYLE = "style_image"


@dataclass
class TrainedRows:
    """The rows of style images, each trained once.

    Attributes:
        steps: of each training.
        reader: what the start is read with; None: the nearest row of the model is sought.
        photos: to train on; none: the built-in pictures, as where a service has no folder of photos.
        seconds: what each training took.
    """

    model: Model
    models: Path
    steps: int
    reader: StyleReader | None
    photos: Sequence[Path] = ()
    seconds: list[float] = field(default_factory=list)
    _rows: dict[bytes, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def row(self, style_image: Image.Image) -> tuple[Tensor, Tensor]:
        """Gamma and beta (1, features)."""
        key = style_image.tobytes()
        if key not in self._rows:
            began = time.monotonic()
            self._rows[key] = self.train(style_image)
            self.seconds.append(time.monotonic() - began)
        return self._rows[key]

    def train(self, style_image: Image.Image) -> tuple[Tensor, Tensor]:
        recipe = add_recipe(
            self.model.manifest.recipe, {"steps": self.steps, "precision": fitting_precision(CPU), "start": "nearest"}
        )
        network = load_published(self.models, SHIPPED_DESCRIPTOR)
        objective = Objective(network, [at_stroke(style_image, recipe)], [1.0], recipe)
        pictures = Photos(tuple(self.photos), 1, recipe) if self.photos else BuiltInPictures(1, recipe)
        given = self.reader.row(self.reader.code(np.asarray(style_image))) if self.reader else None
        given = (given[0].clone(), given[1].clone()) if given else None  # no tensors of the inference mode
        trainer = RowTrainer(
            recipe, (STYLE,), self.model.generator, self.model.rows, objective, pictures, CPU, given=given
        )
        for _ in trainer.run():
            pass
        rows = trainer.averaged()
        return rows.gamma, rows.beta


def at_stroke(style_image: Image.Image, recipe: AddRecipe) -> Tensor:
    """(1, 3, H, W) with the longer edge that the training sees."""
    scale = recipe.stroke / max(style_image.size)
    size = tuple(max(1, round(edge * scale)) for edge in style_image.size)
    return to_tensor(np.asarray(style_image.resize(size, Image.Resampling.LANCZOS)))[None]
