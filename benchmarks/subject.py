"""The model under measurement, and its paintings as a file would hold them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from app.registry.repository import WEIGHTS, Repository
from app.settings import SHIPPED_MODELS
from app.training.equivalent import eight_bit


def add_model_options(parser: ArgumentParser) -> None:
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS, help="folder of the models")
    parser.add_argument("--model", default="compact", help="name or name@version")
    parser.add_argument("--device", default="cpu")


class Subject:
    """A published model in float32.

    Attributes:
        label: `name@version`.
        digest: of its weights; tells two trainings under one label apart.
        style_ids: in the order of the rows.
    """

    def __init__(self, args: Namespace) -> None:
        model = Repository(args.models).load(args.model)
        self.label = model.manifest.label
        self.digest = model.manifest.files[WEIGHTS].sha256[:16]
        self.style_ids = model.manifest.style_ids
        self.device = torch.device(args.device)
        self._generator = model.generator.to(self.device)
        self._rows = model.rows

    @torch.inference_mode()
    def paint(self, photo: Tensor, blend: Mapping[str, float]) -> Tensor:
        """`photo` (1, 3, H, W) in 0..1 in a blend of styles, their weights summing to 1; rounded to 8 bits."""
        weights = torch.tensor([[blend.get(style, 0.0) for style in self.style_ids]])
        gamma, beta = self._rows.mix(weights)
        painted: Tensor = self._generator(photo.to(self.device), gamma.to(self.device), beta.to(self.device))
        return eight_bit(painted).clone()
