"""Distillation: a slim loss network learns to give the features of a large one (after Wang et al., CVPR 2020).

The teacher has two parts, for when not all of VGG-19 is available: `exact` has the convolutions of the first blocks,
`deep` is any network with linear heads that map its own deeper features to those of the full VGG-19. Every layer is
taught, not only those in the losses: hints at intermediate layers help a deep network to learn (Romero et al.,
1412.6550).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from app.losses import mean_gram
from app.nets.descriptor import IMAGENET_MEAN, IMAGENET_STD, VGG19, Descriptor
from app.training.photos import Photos, Sample
from app.training.recipe import Schedule
from app.training.trainer import Trainer

DEEPEST = "5_1"
EXACT_LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2", "relu3_3", "relu3_4")
DEEP_LAYERS = ("relu4_1", "relu4_2", "relu4_3", "relu4_4", "relu5_1")
LAYERS = EXACT_LAYERS + DEEP_LAYERS


class DistillRecipe(Schedule):
    """The training of a slim loss network."""

    # Channels of the five blocks. With its heads, this has 1.7 million parameters; VGG-19 up to relu5_1 has 12.9.
    widths: tuple[int, int, int, int, int] = (32, 64, 176, 80, 96)
    # Images to which the layers are fitted first (see app.training.layer_fit); with 0, the start is random.
    fitted: int = Field(224, ge=0, le=10_000)
    # Share of samples that are mixed with noise: a loss network also sees half-finished images.
    spoilt: float = Field(0.3, ge=0, le=1)
    # A published loss network to start from, `name@version`.
    base: str | None = None


def untrained_slim(widths: Sequence[int], heads: Mapping[str, int], seed: int) -> Descriptor:
    """A slim loss network up to relu5_1 with random weights.

    Args:
        heads: layer -> channels that its head maps to.
    """
    random = torch.Generator().manual_seed(seed)
    names = [(block, i) for block, count in enumerate(VGG19, start=1) for i in range(1, count + 1)]
    names = [(block, i) for block, i in names if f"{block}_{i}" <= DEEPEST]
    outputs = [widths[block - 1] for block, _ in names]
    convolutions = {
        f"{block}_{i}": random_convolution(outs, ins, 3, random)
        for (block, i), ins, outs in zip(names, [3, *outputs], outputs, strict=False)
    }
    maps = {layer: random_convolution(n, widths[int(layer[4]) - 1], 1, random) for layer, n in heads.items()}
    std = torch.tensor(IMAGENET_STD)
    entry = (torch.diag(1 / std), -torch.tensor(IMAGENET_MEAN) / std)
    slim = Descriptor(entry, convolutions, "reflect", maps).requires_grad_(True)
    slim.entry.requires_grad_(False)
    return slim


def random_convolution(outputs: int, inputs: int, kernel: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """He's initialisation (1502.01852) of a rectified convolution."""
    weight = torch.empty(outputs, inputs, kernel, kernel)
    nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=random)
    return weight, torch.zeros(outputs)


class Teacher(nn.Module):
    """Features of the large network, scaled to unit variance: exact ones if available, otherwise mapped ones.

    A layer of `deep` without a head is taught unmapped. The exact network should have the student's padding: zeros are
    a dark frame, whose effect on features a student with reflection padding cannot imitate.
    """

    def __init__(self, exact: Descriptor, deep: Descriptor, scales: Mapping[str, float]) -> None:
        super().__init__()
        self.exact = exact
        self.deep = deep
        self.scales = dict(scales)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Features (B, C, H, W) float32 of x (B, 3, H, W) in 0..1 by layer name."""
        return {layer: F.relu(goal) for layer, goal in self.goals(self.channels(x)).items()}

    @torch.no_grad()
    def channels(self, x: Tensor) -> dict[str, tuple[Tensor, ...]]:
        """Unscaled features before the ReLU of each network that has the layer, the exact one first."""
        networks = (self.exact(x, EXACT_LAYERS, rectified=False), self.deep(x, LAYERS, rectified=False))
        return {layer: tuple(own[layer] for own in networks if layer in own) for layer in LAYERS}

    @torch.no_grad()
    def goals(self, channels: Mapping[str, tuple[Tensor, ...]]) -> dict[str, Tensor]:
        """Scaled features before the ReLU, by layer."""
        first = {layer: networks[0] for layer, networks in channels.items()}
        mapped = self.deep.mapped({layer: F.relu(first[layer]) for layer in DEEP_LAYERS}, rectified=False)
        return {layer: goal.float() / self.scales.get(layer, 1.0) for layer, goal in (first | mapped).items()}


def unit_teacher(exact: Descriptor, deep: Descriptor, pictures: Tensor) -> Teacher:
    """A teacher whose layers have unit variance over `pictures` (B, 3, H, W).

    VGG's activations reach thousands; a student with weights of ordinary size could not learn them at one rate.
    """
    features = Teacher(exact, deep, {})(pictures)
    return Teacher(exact, deep, {layer: float(feature.std()) for layer, feature in features.items()})


class Student(nn.Module):
    """A slim loss network with its heads, as it is compared with the teacher."""

    def __init__(self, slim: Descriptor) -> None:
        super().__init__()
        self.slim = slim

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Mapped features (B, C, H, W) of x (B, 3, H, W) in 0..1 by layer name."""
        return self.slim.mapped(self.slim(x, LAYERS))


class DistillTrainer(Trainer):
    """A slim loss network whose mapped features approach the teacher's; its layers are the targets."""

    recipe: DistillRecipe

    def __init__(self, recipe: DistillRecipe, teacher: Teacher, photos: Photos, device: torch.device) -> None:
        heads = {
            layer: feature.shape[1] for layer, feature in teacher(torch.zeros(1, 3, 32, 32, device=device)).items()
        }
        self.student = Student(untrained_slim(recipe.widths, heads, recipe.seed))
        super().__init__(recipe, LAYERS, self.student, photos, device)
        self.teacher = copy.deepcopy(teacher).to(device)
        self.teacher.exact.narrow(self.dtype)
        self.teacher.deep.narrow(self.dtype)

    @torch.no_grad()
    def start_from(self, slim: Descriptor) -> None:
        """Copy the weights of another slim loss network, and keep those of heads that it lacks.

        Raises:
            ValueError: its widths or heads differ.
        """
        own = self.student.slim
        heads = {name: weight for name, weight in own.state_dict().items() if name.startswith("heads.")}
        try:
            own.load_state_dict(heads | slim.state_dict())
        except RuntimeError as error:
            raise ValueError("The loss network to start from has other widths or heads.") from error
        self.begin()

    def losses(self, sample: Sample) -> Mapping[str, Tensor]:
        random = torch.Generator().manual_seed(hash((self.recipe.seed, self.step, self.rank)) % 2**63)
        pictures = spoil(sample.photos, self.recipe.spoilt, random)
        targets = self.teacher(pictures)
        weights = {name: p.to(self.dtype) for name, p in self.parameters.items()}
        mapped = functional_call(self.student, weights, (pictures,))
        errors = {layer: unexplained(mapped[layer].float(), targets[layer]) for layer in LAYERS}
        return {"total": torch.stack(list(errors.values())).mean(), **errors}

    def averaged(self) -> Descriptor:
        """A frozen copy with the averaged weights."""
        student = copy.deepcopy(self.student).requires_grad_(False)
        student.load_state_dict(student.state_dict() | self.average)
        return student.slim


def spoil(pictures: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Mix a share of the pictures (B, 3, H, W) with up to as much uniform noise."""
    amount = torch.rand(len(pictures), 1, 1, 1, generator=random) / 2
    chosen = torch.rand(len(pictures), 1, 1, 1, generator=random) < share
    noise = torch.rand(pictures.shape, generator=random).to(pictures.device)
    return torch.lerp(pictures, noise, (amount * chosen).to(pictures.device))


def unexplained(F_student: Tensor, F_teacher: Tensor) -> Tensor:
    """1 - R^2 of one layer, centred per channel: sum (S - T)^2 / sum (T - mean T)^2. (B, C, H, W) twice -> ()."""
    error, spread = squares(F_student, F_teacher)
    return error / spread.clamp_min(1e-12)


def squares(F_student: Tensor, F_teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of squares, () each: of the student's errors, and of the teacher's features, centred per channel."""
    centred = F_teacher - F_teacher.mean(dim=(0, 2, 3), keepdim=True)
    return (F_student - F_teacher).square().sum(), centred.square().sum()


@dataclass(frozen=True)
class Agreement:
    """Agreement of a student's layer with the teacher's over images that were not trained on.

    Attributes:
        r2: centred R^2 of the features.
        gram_rank: Spearman's rank correlation of the distances between Grams of all pairs of pictures.
    """

    r2: float
    gram_rank: float


@torch.inference_mode()
def compare(slim: Descriptor, teacher: Teacher, pictures: Sequence[Tensor]) -> dict[str, Agreement]:
    """Agreement by layer over pictures (1, 3, H, W), at least three; Grams are of the slim network's own features."""
    errors: dict[str, list[tuple[float, float]]] = {layer: [] for layer in LAYERS}
    grams: dict[str, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in LAYERS}
    for picture in pictures:
        thin, targets = slim(picture, LAYERS), teacher(picture)
        mapped = slim.mapped(thin)
        for layer, target in targets.items():
            error, spread = squares(mapped[layer], target)
            errors[layer].append((error.item(), spread.item()))
            grams[layer].append((mean_gram(thin[layer])[0].flatten(), mean_gram(target)[0].flatten()))
    return {
        layer: Agreement(
            1 - sum(error for error, _ in errors[layer]) / sum(spread for _, spread in errors[layer]),
            rank_correlation(*(F.pdist(torch.stack(side)) for side in zip(*grams[layer], strict=True))),
        )
        for layer in LAYERS
    }


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's rank correlation of two (n,) tensors without ties."""
    ranks = torch.stack([a.argsort().argsort(), b.argsort().argsort()]).double()
    return float(torch.corrcoef(ranks)[0, 1])
