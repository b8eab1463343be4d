"""Training a generator together with its style rows.

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
from app.training.palette import fit_palettes
from app.training.photos import Photos, Sample
from app.training.recipe import Recipe, UnusableRecipe
from app.training.row_adam import RowAdam
from app.training.trainer import Optimiser, Trainer

# Batches over which running statistics of averaged weights are taken; their mean varies a fifth as much as one batch.
SETTLING_STEPS = 24
# Salts the draw of their photos; the number of rollbacks never gets so high.
SETTLING_SALT = 3_000_000

# Draws of photos on which palettes are fitted, and the salt of these draws.
PALETTE_STEPS = 8
PALETTE_SALT = 4_000_000

# Prefixes of the names of rows and of an hourglass, and the norm at the end of the latter.
ROWS = "rows."
HOURGLASS = "deep."
LAST_OF_HOURGLASS = "deep.0.back.norm"


class StyleTrainer(Trainer):
    """Trains a generator and the rows of its styles, which are the targets.

    Attributes:
        generator, rows: the weights that are being trained.

    Raises:
        UnusableRecipe: the generator cannot have so many styles, or its norm needs a larger share of the batch.
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
            # A step takes a fifth less time, in bfloat16, since convolutions do not convert memory formats.
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
        """Copy another model's weights and the rows of its `styles`; new styles get its mean row.

        An hourglass that only this generator has is the identity at first: the norm at its end returns 0.

        Raises:
            ValueError: the generators differ in anything else.
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
        """The generator's inputs for `sample` in this step."""
        given = (sample.repeated, *rows(sample.styles))
        if isinstance(self.generator, MultiScale):
            given = (*given, self.noise_seeds(len(sample.styles), step))
        return given

    def noise_seeds(self, samples: int, step: int) -> Tensor:
        """A new noise seed for every sample of every step: the network would memorize a fixed one."""
        places = torch.arange(samples, device=self.device) * self.processes + self.rank
        return places + self.recipe.batch * step + self.recipe.seed % NOISES + self.retreats

    def averaged(self) -> tuple[Generator, StyleRows]:
        """Copies of the generator and the rows with averaged weights, on the training's device."""
        generator, rows = self.untrained(self.recipe, self.targets)
        whole(generator, rows).to(self.device).load_state_dict(self.average)
        if self.statistics:
            self.settle(generator, rows)
        return generator.eval(), rows.eval()

    def finished(self, style_images: Sequence[Tensor]) -> tuple[Generator, StyleRows]:
        """As `averaged`, with colours fitted to the palettes of the style images, (1, 3, H, W) each in 0..1."""
        generator, rows = self.averaged()
        shares = [self.recipe.palette_shares.get(style, self.recipe.palette_share) for style in self.targets]
        if any(shares):
            crops = [self.photos.sample(step, PALETTE_SALT).photos for step in range(PALETTE_STEPS)]
            images = [image.to(self.device) for image in style_images]
            fit_palettes(generator, rows, images, torch.cat(crops).to(self.device), shares)
        return generator, rows

    @torch.no_grad()
    def settle(self, generator: Generator, rows: StyleRows) -> None:
        """Recompute the running statistics of a generator with averaged weights, over photos of the training.

        Statistics averaged during training belong to other weights (Izmailov et al., 1803.05407, section 3.1).
        """
        norms = [module for module in generator.train().modules() if isinstance(module, BatchNorm)]
        for step in range(SETTLING_STEPS):
            for norm in norms:
                norm.momentum = 1 / (step + 1)  # cumulative mean
            sample = self.photos.sample(step, SETTLING_SALT)
            generator(*self.inputs(rows, Sample(sample.photos.to(self.device), sample.styles.to(self.device)), step))


def whole(generator: Generator, rows: StyleRows) -> nn.ModuleDict:
    """Both as one module, which determines the names of tensors in versions and checkpoints."""
    return nn.ModuleDict({"generator": generator, "rows": rows})


@torch.inference_mode()
def evaluate(objective: Objective, generator: nn.Module, rows: StyleRows, photos: Sequence[Tensor]) -> Tensor:
    """Mean style and content loss of every style over photos (1, 3, H, W): (styles, 2)."""
    losses = []
    for photo in photos:
        contents = objective.contents(photo)  # depends on the photo alone
        for style in range(rows.gamma.shape[0]):
            index = torch.tensor([style], device=rows.gamma.device)
            painted = generator(photo, *rows(index))
            losses.append(torch.cat(objective.distances(painted, contents, index)))
    return torch.stack(losses).reshape(len(photos), -1, 2).mean(dim=0)
