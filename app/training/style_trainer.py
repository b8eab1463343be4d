"""Training a generator: it and its style rows learn to lower the objective.

After Johnson et al. (1603.08155, section 3), with the random style of every sample of Dumoulin et al. (1610.07629).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from app.nets.architectures import build_generator, check_styles
from app.nets.generators import Generator
from app.nets.noise import NOISES
from app.nets.norm import LEAST_BATCH, StyleRows
from app.nets.texture import MultiScale
from app.training.objective import Objective
from app.training.photos import Photos, Sample
from app.training.recipe import Recipe, UnusableRecipe
from app.training.trainer import Trainer


class StyleTrainer(Trainer):
    """A generator and the rows of its styles, which are the targets.

    Attributes:
        generator, rows: the weights that are being trained.

    Raises:
        UnusableRecipe: the generator is not for so many styles, or its norm not for so small a share of a batch.
    """

    recipe: Recipe

    def __init__(
        self, recipe: Recipe, styles: tuple[str, ...], objective: Objective, photos: Photos, device: torch.device
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.generator, self.rows = self.untrained(recipe, styles)
        super().__init__(recipe, styles, whole(self.generator, self.rows), photos, device)
        if recipe.norm == "batch" and (share := recipe.batch // self.processes) < LEAST_BATCH:
            raise UnusableRecipe(f"Batch normalisation wants {LEAST_BATCH} pictures a process and step, not {share}.")
        self.objective = objective.to(device)
        self.objective.descriptor.narrow(self.dtype)

    @staticmethod
    def untrained(recipe: Recipe, styles: tuple[str, ...]) -> tuple[Generator, StyleRows]:
        generator = build_generator(recipe.architecture, recipe.options, recipe.norm)
        try:
            check_styles(generator, len(styles))
        except ValueError as error:
            raise UnusableRecipe(f"The recipe does not go with the paintings: {error}.") from None
        return generator, StyleRows(len(styles), generator.features)

    @torch.no_grad()
    def start_from(self, generator: Generator, rows: StyleRows, styles: Sequence[str]) -> None:
        """Take over another model's weights and the rows of its `styles`; styles that are new get its mean row.

        Raises:
            ValueError: if the generators differ.
        """
        try:
            self.generator.load_state_dict(generator.state_dict())
        except RuntimeError as error:
            raise ValueError("The model to start from has another architecture.") from error
        known = {style: row for row, style in enumerate(styles)}
        for place, style in enumerate(self.targets):
            row = [known[style]] if style in known else list(range(len(styles)))
            self.rows.gamma[place] = rows.gamma[row].mean(dim=0)
            self.rows.beta[place] = rows.beta[row].mean(dim=0)
        self.average = self.copies()
        self.good = self.checkpoint()

    def losses(self, sample: Sample) -> Mapping[str, Tensor]:
        inputs = (sample.photos, *self.rows(sample.styles))
        if isinstance(self.generator, MultiScale):
            inputs = (*inputs, self.noise_seeds(len(sample.photos)))
        painted = functional_call(self.generator, self.generator.weights(self.dtype), inputs)
        losses = self.objective(painted, sample.photos, sample.styles)
        return {"total": losses.total, "style": losses.style, "content": losses.content, "traces": losses.traces}

    def noise_seeds(self, samples: int) -> Tensor:
        """Another noise for every sample of every step: with one, the network would learn it by heart."""
        places = torch.arange(samples, device=self.device) * self.processes + self.rank
        return places + self.recipe.batch * self.step + self.recipe.seed % NOISES + self.retreats

    def averaged(self) -> tuple[Generator, StyleRows]:
        """A generator and rows of their own with the averaged weights, on the training's device."""
        generator, rows = self.untrained(self.recipe, self.targets)
        whole(generator, rows).to(self.device).load_state_dict(self.average)
        return generator.eval(), rows.eval()


def whole(generator: Generator, rows: StyleRows) -> nn.ModuleDict:
    """Both as one module, which gives the tensors of a version and of a checkpoint their names."""
    return nn.ModuleDict({"generator": generator, "rows": rows})


def evaluate(objective: Objective, generator: nn.Module, rows: StyleRows, photos: list[Tensor]) -> Iterator[Tensor]:
    """For every style, mean style and content loss over photos (1, 3, H, W), as a (2,) tensor."""
    styles = rows.gamma.shape[0]
    for style in range(styles):
        index = torch.tensor([style], device=rows.gamma.device)
        with torch.inference_mode():
            losses = [objective(generator(photo, *rows(index)), photo, index) for photo in photos]
        yield torch.stack([torch.cat([loss.style, loss.content]) for loss in losses]).mean(dim=0)
