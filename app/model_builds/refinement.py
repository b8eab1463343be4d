"""Refining a row: training it on a generator that stays as it is, from what a style encoder has read of a style image.

The row is for whoever sent the image. It becomes no version, so it passes no gates; it only has to be better than the
one before on photos that the training has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from app.model_builds.pictures import Pictures, gather
from app.model_builds.previews import preview_photo, to_jpeg
from app.nets.descriptor import Descriptor
from app.nets.norm import StyleRows
from app.registry.repository import Model
from app.training.equivalent import judged
from app.training.objective import Objective
from app.training.recipe import AddRecipe
from app.training.row_trainer import RowTrainer
from app.training.sheet import paint_sample, to_image

# The style of the row, where a name is asked for.
STYLE = "style_image"
# However little time there is: fewer steps are not worth the wait for the networks.
MIN_STEPS = 10

# Numbers of both rows.
BEGUN, TRAINED = 0, 1

# Called after each step with its number, the number of all, and its losses; may raise.
Watch = Callable[[int, int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Refinement:
    """What is refined, and how.

    Attributes:
        base: the model whose generator it is for.
        image: the style image, (1, 3, H, W) in 0..1, at the stroke of the recipe.
        gamma, beta: (features,), to start from.
        descriptor: the loss network. It is narrowed to the precision of the recipe.
        seconds: of training, as measured on the first steps.
        photos: a folder of photos; None: the built-in pictures.
    """

    base: Model
    image: Tensor
    gamma: Tensor
    beta: Tensor
    descriptor: Descriptor
    recipe: AddRecipe
    seconds: float
    photos: Path | None
    device: torch.device


@dataclass(frozen=True)
class Refined:
    """What came of it.

    Attributes:
        gamma, beta: (features,) on the CPU, of the trained row.
        before, after: total losses of the row before and of the trained one, means over unseen photos.
        steps: of the training.
        preview: a JPEG of a photo in the better one of both.
    """

    gamma: Tensor
    beta: Tensor
    before: float
    after: float
    steps: int
    preview: bytes

    @property
    def better(self) -> bool:
        return self.after < self.before


def refine(refinement: Refinement, watch: Watch) -> Refined:
    """Train the row, and measure it beside the one before.

    Raises:
        TrainingDiverged: the losses became infinite again and again.
        NoPhotos, UnusablePhotos, MissingLayer: an input cannot be used.
        Whatever `watch` raises.
    """
    device = refinement.device
    pictures = gather(refinement.photos, (), 1, refinement.recipe)
    trainer = build_trainer(refinement, pictures)
    trainer.reschedule(max(MIN_STEPS, int(refinement.seconds / trainer.seconds_per_step())))
    for step in trainer.run():
        watch(step.step, trainer.recipe.steps, step.losses)
    rows = both(refinement, trainer.averaged())
    before, after = totals(trainer, rows, [photo.to(device) for photo in pictures.judged()])
    shown = paint_sample(trainer.generator, rows, preview_photo().to(device), TRAINED if after < before else BEGUN)
    gamma, beta = rows.gamma[TRAINED].cpu(), rows.beta[TRAINED].cpu()
    return Refined(gamma, beta, before, after, trainer.recipe.steps, to_jpeg(to_image(shown)))


def build_trainer(refinement: Refinement, pictures: Pictures) -> RowTrainer:
    recipe, base = refinement.recipe, refinement.base
    objective = Objective(refinement.descriptor, [refinement.image], [1.0], recipe)
    begun = (refinement.gamma[None], refinement.beta[None])
    return RowTrainer(
        recipe, (STYLE,), base.generator, base.rows, objective, pictures.seen, refinement.device, given=begun
    )


def both(refinement: Refinement, trained: StyleRows) -> StyleRows:
    """The row before and the trained one, on the training's device."""
    rows = StyleRows(2, len(refinement.gamma)).to(refinement.device).requires_grad_(False)
    rows.gamma.copy_(torch.stack([refinement.gamma.to(refinement.device), trained.gamma[0]]))
    rows.beta.copy_(torch.stack([refinement.beta.to(refinement.device), trained.beta[0]]))
    return rows


def totals(trainer: RowTrainer, rows: StyleRows, photos: Sequence[Tensor]) -> tuple[float, float]:
    """Total losses of both rows, means over photos (1, 3, H, W)."""
    losses = [
        [judged(trainer.objective, paint_sample(trainer.generator, rows, photo, row), photo, 0).total.item()]
        for row in (BEGUN, TRAINED)
        for photo in photos
    ]
    before, after = torch.tensor(losses).reshape(2, len(photos)).mean(dim=1).tolist()
    return before, after
