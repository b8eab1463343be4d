"""A start for a slim loss network: its layers are fitted to its teacher's, one after the other, by least squares.

From random weights, a deep network spends most of its training on finding a role for each layer. Here, each layer
imitates as many of the teacher's channels as it has itself: those from which the others can be predicted best. Its
inputs are the real outputs of the layers before it, so that it corrects their errors (He et al., 1707.06168), and the
comparison is made after the ReLU (Zhang et al., 1505.06798).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.nets.descriptor import Descriptor
from app.training.distillation import LAYERS, Teacher

# Positions sampled of each layer: many times the 1,585 parameters of a channel with 176 inputs.
MAX_PLACES = 60_000
# Least squares through a ReLU have no closed form; after so many rounds, the gain per round is below 0.1 %.
ROUNDS = 5
# Ridge, relative to each input's energy, for inputs that are nearly copies of each other.
RIDGE = 1e-5
# A channel that explains less than this share of the variance is dead, or a copy of another.
MIN_NEWS = 1e-6


@dataclass(frozen=True)
class Lesson:
    """What one layer should learn, at sampled positions.

    Attributes:
        places: indices into the flattened (B, H, W), for each batch of images.
        goals: (N, C) before the ReLU, for the layer's head.
        networks: the same for the channels of each teaching network.
    """

    places: tuple[Tensor, ...]
    goals: Tensor
    networks: tuple[Tensor, ...]


@torch.no_grad()
def fit(slim: Descriptor, teacher: Teacher, batches: Sequence[Tensor], random: torch.Generator) -> None:
    """Fit every layer and head of `slim` to the teacher.

    If the teacher has fewer live channels than a layer, the layer's other channels keep their weights.

    Args:
        batches: images (B, 3, H, W) in 0..1; in the deepest layer, they should have several times as many positions as
            a channel has weights.
    """
    lessons, heads = prepare(teacher, batches, random), dict(parts(slim.heads))
    inputs = [slim.entry(batch) for batch in batches]
    block = "1"
    for name, convolution in parts(slim.convolutions):
        if name[0] != block:
            block = name[0]
            inputs = [F.max_pool2d(h, 2) for h in inputs]
        lesson = lessons.pop(f"relu{name}")
        fit_convolution(convolution, inputs, lesson.places, worth_taking_over(lesson, convolution.out_channels))
        inputs = [F.relu(convolution(h)) for h in inputs]
        if (head := heads.get(f"relu{name}")) is not None:
            fit_convolution(head, inputs, lesson.places, lesson.goals)


def parts(convolutions: nn.ModuleDict) -> Iterator[tuple[str, nn.Conv2d]]:
    for name, convolution in convolutions.items():
        assert isinstance(convolution, nn.Conv2d)
        yield name, convolution


def prepare(teacher: Teacher, batches: Sequence[Tensor], random: torch.Generator) -> dict[str, Lesson]:
    """The lesson for every layer."""
    gathered: dict[str, list[tuple[Tensor, Tensor, tuple[Tensor, ...]]]] = {layer: [] for layer in LAYERS}
    for batch in batches:
        channels = teacher.channels(batch)
        for layer, goal in teacher.goals(channels).items():
            count = goal[:, 0].numel()
            places = torch.randperm(count, generator=random)[: MAX_PLACES // len(batches)].to(goal.device)
            at_places = tuple(pixels(own)[places] for own in channels[layer])
            gathered[layer].append((places, pixels(goal)[places], at_places))
    return {layer: lesson(*zip(*given, strict=True)) for layer, given in gathered.items()}


def lesson(places: tuple[Tensor, ...], goals: tuple[Tensor, ...], networks: tuple[tuple[Tensor, ...], ...]) -> Lesson:
    """Join the parts of every batch."""
    return Lesson(places, torch.cat(goals), tuple(torch.cat(own) for own in zip(*networks, strict=True)))


def pixels(h: Tensor) -> Tensor:
    """(B, C, H, W) -> (B H W, C)."""
    return h.movedim(1, -1).flatten(0, 2)


def worth_taking_over(lesson: Lesson, count: int) -> Tensor:
    """(N, count or fewer): the channels, from all networks, that explain most of the variance after the ReLU.

    Networks are weighted equally, at unit variance.
    """
    networks = [own / F.relu(own).std() for own in lesson.networks]
    spreads = [F.relu(own).var(dim=0) for own in networks]
    weights = torch.cat([torch.full_like(spread, 1 / float(spread.sum())) for spread in spreads])
    channels = torch.cat(networks, dim=1)
    return channels[:, most_telling(torch.cov(F.relu(channels).T.double()), weights.double(), count)]


def most_telling(covariance: Tensor, weights: Tensor, count: int) -> list[int]:
    """Indices of the `count` variables that explain most of the weighted variance; fewer if those explain all of it.

    They are chosen greedily: column subset selection by a pivoted Cholesky decomposition.

    Args:
        covariance: (C, C).
        weights: (C,).
    """
    left = covariance.clone()
    floor = MIN_NEWS * left.diagonal().max()
    chosen: list[int] = []
    while len(chosen) < count and (left.diagonal() > floor).any():
        alive = left.diagonal() > floor
        gains = torch.where(alive, (weights[:, None] * left.square()).sum(dim=0) / left.diagonal(), -torch.inf)
        best = int(gains.argmax())
        chosen.append(best)
        left -= torch.outer(left[:, best], left[best]) / left[best, best]
    return sorted(chosen)


def fit_convolution(convolution: nn.Conv2d, inputs: Sequence[Tensor], places: Sequence[Tensor], goals: Tensor) -> None:
    """Fit the first channels of a convolution to the goals (N, C) after the ReLU, at the sampled positions."""
    x = torch.cat([neighbourhoods(convolution, h)[seen] for h, seen in zip(inputs, places, strict=True)])
    solution = rectified_least_squares(F.pad(x, (0, 1), value=1.0), goals)
    count = goals.shape[1]
    convolution.weight[:count] = solution[:-1].T.reshape(count, *convolution.weight.shape[1:])
    assert convolution.bias is not None
    convolution.bias[:count] = solution[-1]


def neighbourhoods(convolution: nn.Conv2d, h: Tensor) -> Tensor:
    """The inputs of a convolution at each position of h (B, C, H, W): (B H W, C k k)."""
    (k, _), margin = convolution.kernel_size, int(convolution.padding[0])
    mode = "constant" if convolution.padding_mode == "zeros" else convolution.padding_mode
    seen = F.unfold(F.pad(h, (margin,) * 4, mode=mode), k)
    return seen.transpose(1, 2).flatten(0, 1)


def rectified_least_squares(x: Tensor, z: Tensor) -> Tensor:
    """W (K, C) with a small ||relu(x W) - relu(z)||^2, of x (N, K) and z (N, C).

    It starts with plain least squares to z. Where z is not positive, any non-positive value is as good: there, the next
    round aims at the last result if that is negative, otherwise at 0. No round increases the error.
    """
    energy = (x.T @ x).double()
    energy += torch.diag(RIDGE * energy.diagonal().clamp_min(1e-9))
    factor = torch.linalg.cholesky(energy)
    aims = z
    for _ in range(ROUNDS):
        solution = torch.cholesky_solve((x.T @ aims).double(), factor).to(x.dtype)
        aims = torch.where(z > 0, z, (x @ solution).clamp_max(0))
    return solution
