"""The models under measurement, and their paintings as a file would hold them."""

from __future__ import annotations

import hashlib
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.repository import WEIGHTS, Repository
from app.settings import SHIPPED_MODELS
from app.training.checkpoint import Checkpoint
from app.training.equivalent import eight_bit
from app.training.recipe import Recipe
from app.training.run import CHECKPOINT
from app.training.style_trainer import StyleTrainer, whole

AVERAGE = "average."  # how a checkpoint names the averaged weights


def add_model_options(parser: ArgumentParser, several: bool = False) -> None:
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS, help="folder of the models")
    about = "name, name@version, or the folder of a training's run"
    if several:
        parser.add_argument("--model", action="append", help=f"{about}; may be given several times")
    else:
        parser.add_argument("--model", default="compact", help=about)
    parser.add_argument("--device", default="cpu")


@dataclass(frozen=True)
class Loaded:
    """A model in float32: `label` is `name@version`, `digest` tells two trainings under one label apart."""

    label: str
    digest: str
    style_ids: tuple[str, ...]
    generator: Generator
    rows: StyleRows


def load_published(models: Path, reference: str) -> Loaded:
    model = Repository(models).load(reference)
    manifest = model.manifest
    digest = manifest.files[WEIGHTS].sha256[:16]
    return Loaded(manifest.label, digest, tuple(manifest.style_ids), model.generator, model.rows)


def load_run(folder: Path) -> Loaded:
    """The averaged weights of a training, where it stands."""
    path = folder / CHECKPOINT
    state = Checkpoint.load(path)
    generator, rows = StyleTrainer.untrained(Recipe.model_validate_json(state.recipe), state.targets)
    averages = {name: tensor for name, tensor in state.tensors.items() if name.startswith(AVERAGE)}
    whole(generator, rows).load_state_dict({name.removeprefix(AVERAGE): tensor for name, tensor in averages.items()})
    generator.eval().requires_grad_(False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return Loaded(f"{folder.name} at step {state.step}", digest, state.targets, generator, rows)


class Subject:
    """A published model, or a training's averaged weights, in float32.

    Args:
        args: of `add_model_options`.
        reference: the one that is meant, if not `args.model`.

    Attributes:
        label: `name@version`, or the run's folder and step.
        digest: of its weights; tells two trainings under one label apart.
        style_ids: in the order of the rows.
    """

    def __init__(self, args: Namespace, reference: str | None = None) -> None:
        reference = reference or args.model
        run = Path(reference)
        loaded = load_run(run) if (run / CHECKPOINT).exists() else load_published(args.models, reference)
        self.label, self.digest, self.style_ids = loaded.label, loaded.digest, loaded.style_ids
        self.device = torch.device(args.device)
        self._generator = loaded.generator.to(self.device)
        self._rows = loaded.rows

    @torch.inference_mode()
    def paint(self, photo: Tensor, blend: Mapping[str, float]) -> Tensor:
        """`photo` (1, 3, H, W) in 0..1 in a blend of styles, their weights summing to 1; rounded to 8 bits."""
        weights = torch.tensor([[blend.get(style, 0.0) for style in self.style_ids]])
        gamma, beta = self._rows.mix(weights)
        painted: Tensor = self._generator(photo.to(self.device), gamma.to(self.device), beta.to(self.device))
        return eight_bit(painted).clone()
