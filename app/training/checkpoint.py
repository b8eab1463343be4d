"""Checkpoints of a training: one safetensors file, written atomically."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from app.storage.atomic import replacing


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training. Photos depend on step and salt alone, so there is no other random state.

    Attributes:
        step: steps done.
        retreats: how often training was rolled back; salts the photos and lowers the learning rate.
        recipe: the recipe's JSON.
        targets: what is trained, in order: style ids or layers.
        tensors: parameters, averages and optimiser moments by name.
    """

    step: int
    retreats: int
    recipe: str
    targets: tuple[str, ...]
    tensors: dict[str, Tensor]

    def save(self, path: Path) -> None:
        about = {
            "step": str(self.step),
            "retreats": str(self.retreats),
            "recipe": self.recipe,
            "targets": json.dumps(self.targets),
        }
        with replacing(path) as unfinished:
            save_file({name: tensor.detach().contiguous() for name, tensor in self.tensors.items()}, unfinished, about)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        with safe_open(path, "pt") as file:
            about = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
        return cls(
            int(about["step"]),
            int(about["retreats"]),
            about["recipe"],
            tuple(json.loads(about["targets"])),
            tensors,
        )
