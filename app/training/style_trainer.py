"""Training a generator: it and its style rows learn to lower the objective.

After Johnson et al. (1603.08155, section 3), with the random style of every sample of Dumoulin et al. (1610.07629).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from app.nets.architectures import build_generator, check_styles
from app.nets.generators import Generator
from app.nets.noise import NOISES
from app.nets.norm import MIN_BATCH, BatchNorm, StyleRows
from app.nets.texture import MultiScale
from app.training.objective import Objective
from app.training.photos import Photos, Sample
from app.training.recipe import Recipe, UnusableRecipe
from app.training.row_adam import RowAdam
from app.training.trainer import Optimiser, Trainer

# Batches that the running statistics of averaged weights are taken from: their mean varies by a fifth of one's.
SETTLING_STEPS = 24
# Salts the draw of their photos: no retreat gets so far.
SETTLING_SALT = 3_000_000

# What names begin with that belong to rows and to an hourglass, and the norm that the latter ends with.
ROWS = "rows."
HOURGLASS = "deep."
LAST_OF_HOURGLASS = "deep.0.back.norm"


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
        if recipe.norm == "batch" and (share := recipe.batch // self.processes) < MIN_BATCH:
            raise UnusableRecipe(f"Batch normalisation wants {MIN_BATCH} pictures a process and step, not {share}.")
        self.objective = objective.to(device)
        self.objective.descriptor.narrow(self.dtype)
        if device.type == "cpu":
            # A fifth less time for a step, in bfloat16: no convolution turns its pictures around and back.
            self.generator.to(memory_format=self.generator.memory_format)  # type: ignore[call-overload]
            self.objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @staticmethod
    def untrained(recipe: Recipe, styles: tuple[str, ...]) -> tuple[Generator, StyleRows]:
        generator = build_generator(recipe.architecture, recipe.options, recipe.norm)
        try:
            check_styles(generator, len(styles))
        except ValueError as error:
            raise UnusableRecipe(f"The recipe does not fit the style images: {error}.") from None
        return generator, StyleRows(len(styles), generator.features)

    @torch.no_grad()
    def start_from(self, generator: Generator, rows: StyleRows, styles: Sequence[str]) -> None:
        """Take over another model's weights and the rows of its `styles`; styles that are new get its mean row.

        An hourglass that only this generator has changes nothing at first: the norm it ends with gives 0.

        Raises:
            ValueError: if the generators differ in more.
        """
        given = generator.state_dict()
        grown = {name: weight for name, weight in self.generator.state_dict().items() if name.startswith(HOURGLASS)}
        try:
            self.generator.load_state_dict(given if given.keys() & grown.keys() else given | grown)
        except RuntimeError as error:
            raise ValueError("The model to start from has another architecture.") from error
        self.rows.gamma[:, self.features(LAST_OF_HOURGLASS)] = 0
        shared = self.features(*generator.norms)
        known = {style: row for row, style in enumerate(styles)}
        for place, style in enumerate(self.targets):
            row = [known[style]] if style in known else list(range(len(styles)))
            self.rows.gamma[place, shared] = rows.gamma[row].mean(dim=0)
            self.rows.beta[place, shared] = rows.beta[row].mean(dim=0)
        self.begin()

    def build_optimisers(self) -> list[Optimiser]:
        rows = [p for name, p in self.parameters.items() if name.startswith(ROWS)]
        others = [p for name, p in self.parameters.items() if not name.startswith(ROWS)]
        rate, betas = self.recipe.learning_rate, self.recipe.betas
        return [
            Optimiser(torch.optim.Adam(others, rate, betas)),
            Optimiser(RowAdam(rows, rate, betas), self.recipe.row_rate),
        ]

    def features(self, *norms: str) -> Tensor:
        """Which values of a row belong to these norms: (features,) of bool."""
        return torch.tensor([name in norms for name, width in self.generator.norms.items() for _ in range(width)])

    def losses(self, sample: Sample) -> Mapping[str, Tensor]:
        inputs = self.inputs(self.rows, sample, self.step)
        painted = functional_call(self.generator, self.generator.weights(self.dtype, last=self.dtype), inputs)
        photos = None if self.recipe.architecture == "texture" else sample.photos
        losses = self.objective(painted, photos, sample.styles)
        return {"total": losses.total, "style": losses.style, "content": losses.content, "traces": losses.traces}

    def inputs(self, rows: StyleRows, sample: Sample, step: int) -> tuple[Tensor, ...]:
        """What the generator takes of `sample` in that step."""
        given = (sample.repeated, *rows(sample.styles))
        if isinstance(self.generator, MultiScale):
            given = (*given, self.noise_seeds(len(sample.styles), step))
        return given

    def noise_seeds(self, samples: int, step: int) -> Tensor:
        """Another noise for every sample of every step: with one, the network would learn it by heart."""
        places = torch.arange(samples, device=self.device) * self.processes + self.rank
        return places + self.recipe.batch * step + self.recipe.seed % NOISES + self.retreats

    def averaged(self) -> tuple[Generator, StyleRows]:
        """A generator and rows of their own with the averaged weights, on the training's device."""
        generator, rows = self.untrained(self.recipe, self.targets)
        whole(generator, rows).to(self.device).load_state_dict(self.average)
        if self.statistics:
            self.settle(generator, rows)
        return generator.eval(), rows.eval()

    @torch.no_grad()
    def settle(self, generator: Generator, rows: StyleRows) -> None:
        """Give a generator the running statistics of its own weights, as means over photos of the training.

        Those that were kept while it learned belong to other weights: an average of them is not what averaged weights
        make of a photo (Izmailov et al., 1803.05407, section 3.1).
        """
        norms = [module for module in generator.train().modules() if isinstance(module, BatchNorm)]
        for step in range(SETTLING_STEPS):
            for norm in norms:
                norm.momentum = 1 / (step + 1)  # the mean of all so far
            sample = self.photos.sample(step, SETTLING_SALT)
            generator(*self.inputs(rows, Sample(sample.photos.to(self.device), sample.styles.to(self.device)), step))


def whole(generator: Generator, rows: StyleRows) -> nn.ModuleDict:
    """Both as one module, which gives the tensors of a version and of a checkpoint their names."""
    return nn.ModuleDict({"generator": generator, "rows": rows})


@torch.inference_mode()
def evaluate(objective: Objective, generator: nn.Module, rows: StyleRows, photos: Sequence[Tensor]) -> Tensor:
    """Mean style and content loss of every style over photos (1, 3, H, W): (styles, 2)."""
    losses = []
    for photo in photos:
        contents = objective.contents(photo)  # of the photo alone: the same for all styles
        for style in range(rows.gamma.shape[0]):
            index = torch.tensor([style], device=rows.gamma.device)
            painted = generator(photo, *rows(index))
            losses.append(torch.cat(objective.distances(painted, contents, index)))
    return torch.stack(losses).reshape(len(photos), -1, 2).mean(dim=0)
