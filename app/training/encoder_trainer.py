"""Training a style encoder, which predicts the row of any style image, for a frozen generator.

After Ghiasi et al. (1705.06830), who train both together. Here the generator and the rows of its own styles are trained
already. The losses are the same as theirs; each step takes other views of other works.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from app.losses import balanced_style_loss
from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.nets.style_encoder import StyleEncoder, whole_rows
from app.training.frozen_generator import FrozenGenerator
from app.training.objective import Objective
from app.training.photos import Photos, Sample
from app.training.recipe import EncoderRecipe
from app.training.style_views import StyleViews
from app.training.trainer import Trainer

# The head start.
VIEWS_A_STEP = 128
# A view's share in a known style falls with this power of their distance plus this constant.
NEARNESS = 3
NO_DISTANCE = 0.02
# Smallest spread of a statistic: dividing by less would amplify noise.
MIN_SPREAD = 1e-3


class EncoderTrainer(Trainer):
    """Trains an encoder for a frozen generator. The targets are the works.

    Args:
        encoder: from `unlearned`; it is trained in place.
        rows: the generator's own styles; the encoder starts at their mean.
        views: views of the works; their targets are the objective's.
        photos: the photos, which draw a view wherever other trainings draw a style.
    """

    recipe: EncoderRecipe

    def __init__(
        self,
        recipe: EncoderRecipe,
        works: tuple[str, ...],
        encoder: StyleEncoder,
        generator: Generator,
        rows: StyleRows,
        views: StyleViews,
        objective: Objective,
        photos: Photos,
        device: torch.device,
    ) -> None:
        torch.manual_seed(recipe.seed)
        dtype = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
        self.paint = FrozenGenerator(generator, device, dtype, last=dtype)
        self.objective = objective.to(device)
        self.objective.descriptor.narrow(dtype)
        self.objective.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.statistics_of_views = views.statistics.to(device)
        self.encoder = encoder
        encoder.begin_at(rows)
        encoder.centre.copy_(views.statistics.mean(dim=0))
        encoder.spread.copy_(views.statistics.std(dim=0, correction=0).clamp_min(MIN_SPREAD))
        super().__init__(recipe, works, encoder, photos, device)

    def losses(self, sample: Sample) -> Mapping[str, Tensor]:
        gamma, beta = self.encoder.row(self.encoder.code(self.statistics_of_views[sample.styles]))
        losses = self.objective(self.paint(sample.repeated, gamma, beta), sample.photos, sample.styles)
        return {"total": losses.total, "style": losses.style, "content": losses.content, "traces": losses.traces}

    def take_head_start(self, rows: StyleRows, shares: Tensor) -> None:
        """Fit a blend of known rows to every view by regression, which takes a minute and saves thousands of steps.

        Args:
            rows: (S, features), the known styles.
            shares: (N, S), the share of each style in each view, from `shares_of`.
        """
        known = whole_rows(rows).to(self.device)
        wanted = shares.to(self.device) @ known
        scale = known.std(dim=0).clamp_min(MIN_SPREAD)
        optimiser = torch.optim.Adam(self.parameters.values(), self.recipe.learning_rate)
        draw = torch.Generator().manual_seed(self.recipe.seed)
        for _ in range(self.recipe.head_start):
            chosen = torch.randint(len(wanted), (VIEWS_A_STEP,), generator=draw).to(self.device)
            given = torch.cat(self.encoder.row(self.encoder.code(self.statistics_of_views[chosen])), dim=1)
            optimiser.zero_grad()
            torch.autograd.backward(((given - wanted[chosen]) / scale).square().mean())
            optimiser.step()
        self.forget_gradients()
        self.begin()

    @torch.no_grad()
    def start_from(self, learned: Mapping[str, Tensor], before: StyleRows, after: StyleRows) -> None:
        """Start from another encoder, which may belong to an earlier state of the generator.

        Args:
            learned: its state dict.
            before, after: rows of the same styles, of its generator and of this one.

        Raises:
            ValueError: its sizes differ.
        """
        try:
            self.encoder.load_state_dict(learned)
        except RuntimeError as error:
            raise ValueError("it has other sizes") from error
        self.encoder.move(before, after)
        self.begin()

    def averaged(self) -> StyleEncoder:
        """A copy of the encoder with the averaged weights."""
        encoder = copy.deepcopy(self.encoder)
        encoder.load_state_dict(self.average)
        return encoder.requires_grad_(False)


def shares_of(objective: Objective, known: Tensor) -> Tensor:
    """How near each of the objective's N views is to its views `known` (S,): (N, S), with rows that sum to 1."""
    distances = torch.stack([distances_to(objective, int(view)) for view in known], dim=1)
    nearness = (distances + NO_DISTANCE) ** -NEARNESS
    return nearness / nearness.sum(dim=1, keepdim=True)


def distances_to(objective: Objective, known: int) -> Tensor:
    """(N,): mean style loss of the view `known` against the targets of each view."""
    layers = [objective.get_buffer(f"target_{layer}") for layer in objective.style_layers]
    return torch.stack([balanced_style_loss(grams[known : known + 1], grams) for grams in layers]).mean(dim=0)
