"""Training new styles for a frozen generator: only their rows of gamma and beta are trained.

Dumoulin et al. (1610.07629, section 3.2): the shared weights suffice for further styles, which are then learned in a
fraction of the time. No gradients of weights are computed, and the old rows are not among the parameters.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor, nn

from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.training.frozen_generator import FrozenGenerator
from app.training.objective import Objective
from app.training.photos import Photos, Sample
from app.training.recipe import AddRecipe
from app.training.trainer import Trainer

# Photos that are stylized with every existing row to find the nearest: with 22 rows, this takes as long as 13 steps.
START_PHOTOS = 2
# Salts the draw of these photos; the number of rollbacks never gets so high.
START_SALT = 1_000_000
# Steps that are timed. The first is slower, since kernels are chosen and memory is allocated.
REHEARSED_STEPS = 5


@dataclass(frozen=True)
class RowStart:
    """The start of a new row.

    Attributes:
        row: index of the existing row; None: the mean of all, or `given`.
        total: mean loss of its results against the new style image.
        gamma, beta: (features,).
        given: none of the existing rows, nor made of them: a style encoder's, say.
    """

    row: int | None
    total: float
    gamma: Tensor
    beta: Tensor
    given: bool = False


class RowTrainer(Trainer):
    """Trains rows of new styles, which are the targets, for a frozen generator.

    Args:
        generator, rows: the model to add to; neither is changed.
        styles: ids of the new styles, in the order of the objective's style images.
        tell: called with the share (0..1) of starts that have been measured, which takes a while with many rows.
        given: gamma and beta (styles, features) to start from, in place of what the recipe says.

    Attributes:
        rows: the new rows alone.
        starts: the start of each new row.
    """

    recipe: AddRecipe

    def __init__(
        self,
        recipe: AddRecipe,
        styles: tuple[str, ...],
        generator: Generator,
        rows: StyleRows,
        objective: Objective,
        photos: Photos,
        device: torch.device,
        tell: Callable[[float], None] = lambda _: None,
        given: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        dtype = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
        self.paint = FrozenGenerator(generator, device, dtype)
        self.generator = self.paint.generator
        self.objective = objective.to(device)
        self.objective.descriptor.narrow(dtype)
        # A quarter less time for a step on a CPU, in bfloat16.
        self.objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.rows = StyleRows(len(styles), generator.features)
        super().__init__(recipe, styles, nn.ModuleDict({"rows": self.rows}), photos, device)
        if given is None:
            self.start_from(self.choose_starts(copy.deepcopy(rows).to(device), tell))
        else:
            self.start_from(self.given_starts(*given))

    @torch.no_grad()
    def start_from(self, starts: Sequence[RowStart]) -> None:
        self.starts = tuple(starts)
        for place, start in enumerate(starts):
            self.rows.gamma[place] = start.gamma
            self.rows.beta[place] = start.beta
        self.begin()

    def losses(self, sample: Sample) -> Mapping[str, Tensor]:
        painted = self.paint(sample.photos, *self.rows(sample.styles))
        losses = self.objective(painted, sample.photos, sample.styles)
        return {"total": losses.total, "style": losses.style, "content": losses.content, "traces": losses.traces}

    @torch.no_grad()
    def choose_starts(self, rows: StyleRows, tell: Callable[[float], None] = lambda _: None) -> list[RowStart]:
        """The start of every new style: the best of the existing rows and their mean, on the same photos."""
        photos = self.start_photos()
        starts = [RowStart(row, math.inf, rows.gamma[row], rows.beta[row]) for row in range(len(rows.gamma))]
        if self.recipe.start == "mean":
            starts = [RowStart(None, math.inf, rows.gamma.mean(dim=0), rows.beta.mean(dim=0))]
        measured = []
        for done, start in enumerate(starts):
            tell(done / len(starts))
            measured.append(self.measure(start, photos))
        return [min(of_style, key=lambda start: start.total) for of_style in zip(*measured, strict=True)]

    @torch.no_grad()
    def given_starts(self, gamma: Tensor, beta: Tensor) -> list[RowStart]:
        """A start of its own for every new style, measured on the photos of the others."""
        photos = self.start_photos()
        rows = zip(gamma.to(self.device), beta.to(self.device), strict=True)
        starts = [RowStart(None, math.inf, *row, given=True) for row in rows]
        return [self.measure(start, photos)[place] for place, start in enumerate(starts)]

    def start_photos(self) -> Tensor:
        """(P, 3, crop, crop) on the device, the same for all starts."""
        steps = range(math.ceil(START_PHOTOS / self.recipe.batch))
        return torch.cat([self.photos.sample(step, START_SALT).photos for step in steps]).to(self.device)

    def measure(self, start: RowStart, photos: Tensor) -> list[RowStart]:
        """A start for each style image, with its loss against that."""
        count = len(photos)
        painted = self.paint(photos, start.gamma.expand(count, -1), start.beta.expand(count, -1))
        totals = (
            self.objective(painted, photos, torch.full((count,), place, device=self.device)).total.mean().item()
            for place in range(len(self.targets))
        )
        return [replace(start, total=total) for total in totals]

    def seconds_per_step(self) -> float:
        """Median time of a few steps on this machine, without training on them."""
        taken = []
        for step in range(REHEARSED_STEPS):
            sample = self.photos.sample(step, START_SALT)
            began = time.monotonic()
            losses = self.losses(Sample(sample.photos.to(self.device), sample.styles.to(self.device)))
            torch.autograd.backward(losses["total"].mean())
            losses["total"].sum().item()  # waits for the device
            taken.append(time.monotonic() - began)
        self.forget_gradients()
        return median(taken)

    def reschedule(self, steps: int) -> None:
        """Change the total number of steps."""
        self.recipe = self.photos.recipe = self.recipe.model_copy(update={"steps": steps})

    def averaged(self) -> StyleRows:
        """A copy of the rows with the averaged values, on the training's device."""
        rows = StyleRows(len(self.targets), self.generator.features).to(self.device)
        rows.load_state_dict({name.removeprefix("rows."): value for name, value in self.average.items()})
        return rows.requires_grad_(False)
