"""A start for a slim loss network: its layers are fitted to its teacher's, one after the other, by least squares.

A deep network that begins with random weights spends its training on finding out what its layers are for. Here each
takes over the work of as many of the teacher's channels as it has itself, the ones that the others follow from best.
Its inputs are what the layers before it really give, so that it makes up for what they lack (He et al., 1707.06168),
and what is compared is rectified (Zhang et al., 1505.06798).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.nets.descriptor import Descriptor
from app.training.distillation import LAYERS, Teacher

# Places of each layer that are looked at: many times the 1,585 values of a channel that sees 176 others.
MAX_PLACES = 60_000
# Least squares with a rectifier have no closed form; after so many, what they explain grows by a thousandth a round.
ROUNDS = 5
# Of each input's own energy; keeps inputs apart that are nearly copies of each other.
RIDGE = 1e-5
# A channel that adds less than this share of the variance is dead, or a copy.
MIN_NEWS = 1e-6


@dataclass(frozen=True)
class Lesson:
    """What one layer is to learn, at some of its places.

    Attributes:
        places: of each batch of pictures, indices into its (B, H, W), flattened.
        goals: (N, C) before it is rectified, for the layer's head.
        networks: the same of each teaching network's own channels.
    """

    places: tuple[Tensor, ...]
    goals: Tensor
    networks: tuple[Tensor, ...]


@torch.no_grad()
def fit(slim: Descriptor, teacher: Teacher, batches: Sequence[Tensor], random: torch.Generator) -> None:
    """Give every layer and head of `slim` weights with which it does what the teacher's does.

    Channels that no live channel of the teacher is left for keep their weights.

    Args:
        batches: pictures (B, 3, H, W) in 0..1; the deepest layer should see several times as many places as a channel
            of it has weights.
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
    """The lesson of every layer."""
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
    """Of the parts that every batch has given."""
    return Lesson(places, torch.cat(goals), tuple(torch.cat(own) for own in zip(*networks, strict=True)))


def pixels(h: Tensor) -> Tensor:
    """(B, C, H, W) -> (B H W, C)."""
    return h.movedim(1, -1).flatten(0, 2)


def worth_taking_over(lesson: Lesson, count: int) -> Tensor:
    """(N, count or less): of all networks, the channels that explain most of what all rectified ones vary.

    Every network weighs the same, and has unit variance.
    """
    networks = [own / F.relu(own).std() for own in lesson.networks]
    spreads = [F.relu(own).var(dim=0) for own in networks]
    weights = torch.cat([torch.full_like(spread, 1 / float(spread.sum())) for spread in spreads])
    channels = torch.cat(networks, dim=1)
    return channels[:, most_telling(torch.cov(F.relu(channels).T.double()), weights.double(), count)]


def most_telling(covariance: Tensor, weights: Tensor, count: int) -> list[int]:
    """Which `count` variables, in order, explain most of the weighted variance of all; fewer, if they explain it all.

    Each is the best one beside those before it: column subset selection with a pivoted Cholesky decomposition.

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
    """Give the first channels of a convolution weights with which it gives the rectified goals (N, C) at the places."""
    x = torch.cat([neighbourhoods(convolution, h)[seen] for h, seen in zip(inputs, places, strict=True)])
    solution = rectified_least_squares(F.pad(x, (0, 1), value=1.0), goals)
    count = goals.shape[1]
    convolution.weight[:count] = solution[:-1].T.reshape(count, *convolution.weight.shape[1:])
    assert convolution.bias is not None
    convolution.bias[:count] = solution[-1]


def neighbourhoods(convolution: nn.Conv2d, h: Tensor) -> Tensor:
    """What a convolution sees at each place of h (B, C, H, W): (B H W, C k k)."""
    (k, _), margin = convolution.kernel_size, int(convolution.padding[0])
    mode = "constant" if convolution.padding_mode == "zeros" else convolution.padding_mode
    seen = F.unfold(F.pad(h, (margin,) * 4, mode=mode), k)
    return seen.transpose(1, 2).flatten(0, 1)


def rectified_least_squares(x: Tensor, z: Tensor) -> Tensor:
    """W (K, C) with a small ||relu(x W) - relu(z)||^2, of x (N, K) and z (N, C).

    Begins with the plain least squares to z. Wherever z is not positive, any value that is not would do as well: there
    the next round aims at what the last one gave, if that is negative, else at 0. No round is worse than the last.
    """
    energy = (x.T @ x).double()
    energy += torch.diag(RIDGE * energy.diagonal().clamp_min(1e-9))
    factor = torch.linalg.cholesky(energy)
    aims = z
    for _ in range(ROUNDS):
        solution = torch.cholesky_solve((x.T @ aims).double(), factor).to(x.dtype)
        aims = torch.where(z > 0, z, (x @ solution).clamp_max(0))
    return solution
