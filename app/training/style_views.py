"""Views of many style images, on which a style encoder is trained: crops in several scales and colours.

They are measured once, so that steps need no pass of a loss network over style images. What is kept of a view is the
encoder's input, and the targets of images in its style.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from app.losses import mean_gram
from app.nets.descriptor import Descriptor
from app.nets.style_encoder import StyleEncoder, strongest_directions
from app.storage.atomic import replacing
from app.training.objective import StyleTargets, measure_styles
from app.training.paintings import StyleImage
from app.training.photos import open_rgb, to_tensor
from app.training.recipe import EncoderRecipe

# Number of works over which Gram matrices are averaged to choose the encoder's directions.
SURVEYED_WORKS = 64
# Range of a recoloured view's contrast relative to the work's, per channel.
CONTRAST = (0.6, 1.4)
# Range of a recoloured view's change in brightness, per channel.
BRIGHTNESS = 0.15


class OtherViews(Exception):
    """The file has views of other style images, or from another recipe or network."""


@dataclass(frozen=True)
class StyleViews:
    """Views of N / views works; those of a work are adjacent, the whole work first.

    Attributes:
        directions: (C, rank) by layer of the encoder's network.
        statistics: (N, size), from `StyleEncoder.statistics`.
        targets: those of all N views.
    """

    directions: dict[str, Tensor]
    statistics: Tensor
    targets: StyleTargets

    def save(self, path: Path, inputs: str) -> None:
        """Write one file, atomically. Grams are stored in bfloat16, whose rounding is far below the losses.

        Args:
            inputs: what the views were made from.
        """
        tensors = {f"directions.{layer}": value for layer, value in self.directions.items()}
        tensors |= {f"grams.{layer}": value.bfloat16() for layer, value in self.targets.grams.items()}
        tensors |= {
            "statistics": self.statistics,
            "energies": self.targets.energies,
            "spectra": self.targets.spectra,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished, {"inputs": inputs})

    @classmethod
    def load(cls, path: Path, inputs: str) -> StyleViews:
        """Read views. Raises OtherViews if they were made from other inputs."""
        with safe_open(path, "pt") as file:
            if file.metadata().get("inputs") != inputs:
                raise OtherViews(f"{path} holds views of other style images, or made in another way.")
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        parts: dict[str, dict[str, Tensor]] = {"directions": {}, "grams": {}}
        for name, tensor in tensors.items():
            group, _, layer = name.partition(".")
            if layer:
                parts[group][layer] = tensor
        targets = StyleTargets(parts["grams"], tensors["energies"], tensors["spectra"])
        return cls(parts["directions"], tensors["statistics"], targets)


def inputs_of(works: Sequence[StyleImage], recipe: EncoderRecipe, networks: Sequence[str]) -> str:
    """The inputs of views, as text: works, members of the recipe and names of networks."""
    members = ("seed", "stroke", "views", "view_edge", "view_zoom", "recoloured", "rank", "style_layers")
    chosen = recipe.model_dump(mode="json", include={*members, "content_layer"})
    return json.dumps({"works": [work.id for work in works], "networks": [*networks], **chosen})


@torch.no_grad()
def measure_views(
    works: Sequence[StyleImage],
    recipe: EncoderRecipe,
    eye: Descriptor,
    judge: Descriptor,
    tell: Callable[[float], None] = lambda _: None,
) -> StyleViews:
    """Draw and measure all views, which takes minutes for a few hundred works.

    Args:
        eye: the loss network whose features the encoder reads.
        judge: the loss network of the training's losses.
        tell: called with the share (0..1) that is done; may raise.

    Raises:
        UnreadablePicture: a style image cannot be read.
    """
    directions = survey(works, recipe, eye)
    encoder = unlearned(directions, 1, recipe)
    statistics: list[Tensor] = []

    def watched() -> Iterator[Tensor]:
        for place, work in enumerate(works):
            tell(place / len(works))
            for view in draw_views(work.path, recipe, place):
                statistics.append(encoder.statistics(eye(view, encoder.layers)))
                yield view

    targets = measure_styles(judge, watched(), recipe)
    return StyleViews(directions, torch.cat(statistics), targets)


def survey(works: Sequence[StyleImage], recipe: EncoderRecipe, eye: Descriptor) -> dict[str, Tensor]:
    """The principal directions of the works' Gram matrices, by layer."""
    chosen = works[:: max(1, len(works) // SURVEYED_WORKS)]
    views = (next(draw_views(work.path, recipe, 0)) for work in chosen)
    grams = [{layer: mean_gram(h)[0] for layer, h in eye(view, recipe.style_layers).items()} for view in views]
    means = {layer: torch.stack([gram[layer] for gram in grams]).mean(dim=0) for layer in recipe.style_layers}
    return {layer: strongest_directions(mean, recipe.rank) for layer, mean in means.items()}


def unlearned(directions: dict[str, Tensor], features: int, recipe: EncoderRecipe) -> StyleEncoder:
    """A new encoder of the recipe's sizes with these `directions`."""
    channels = {layer: len(value) for layer, value in directions.items()}
    encoder = StyleEncoder(channels, features, recipe.rank, recipe.hidden, recipe.bottleneck)
    for layer, value in directions.items():
        encoder.get_buffer(f"directions_{layer}").copy_(value)
    return encoder


def draw_views(path: Path, recipe: EncoderRecipe, place: int) -> Iterator[Tensor]:
    """The views (1, 3, H, W) of a work: the whole, scaled to the stroke, then crops that depend on `place` alone."""
    work = open_rgb(path)
    scale = recipe.stroke / max(work.size)
    yield as_view(work.resize(scaled(work.size, scale), Image.Resampling.LANCZOS))
    low, high = np.log(recipe.view_zoom)
    for number in range(1, recipe.views):
        rng = np.random.default_rng((recipe.seed, place, number))
        side = min(recipe.view_edge / (scale * float(np.exp(rng.uniform(low, high)))), *work.size)
        edge = min(recipe.view_edge, max(64, round(side * scale * recipe.view_zoom[1])))
        left, top = rng.uniform(0, work.width - side), rng.uniform(0, work.height - side)
        cut = work.resize((edge, edge), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
        if rng.random() < 0.5:
            cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        view = as_view(cut)
        yield recolour(view, rng) if rng.random() < recipe.recoloured else view


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def as_view(picture: Image.Image) -> Tensor:
    return to_tensor(np.asarray(picture))[None]


def recolour(view: Tensor, rng: np.random.Generator) -> Tensor:
    """The same brushwork (1, 3, H, W) in other colours, for more palettes than the works have."""
    if rng.random() < 0.5:
        view = view[:, rng.permutation(3).tolist()]
    if rng.random() < 0.15:
        view = 1 - view
    contrast = torch.tensor(rng.uniform(*CONTRAST, (1, 3, 1, 1)), dtype=view.dtype)
    brightness = torch.tensor(rng.uniform(-BRIGHTNESS, BRIGHTNESS, (1, 3, 1, 1)), dtype=view.dtype)
    return ((view - 0.5) * contrast + 0.5 + brightness).clamp(0, 1)
