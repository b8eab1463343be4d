"""The Gatys-equivalent: the number of iterations of Gatys that a stylized image is worth.

The loss of the generator's 8-bit image is compared with the lowest loss that Gatys et al. (1508.06576) has reached
after each evaluation of L-BFGS (history 20, no line search). The equivalent is the first iteration at which Gatys is
better. The papers start from uniform noise; a start from the photo is harder to beat.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from app.training.objective import Losses, Objective

HISTORY = 20
NOISE_SEED = 0


class Reached(Exception):
    """The goal of the descent is reached."""


@dataclass(frozen=True)
class Curve:
    """Total and style loss at each evaluation, and the image (1, 3, H, W) with the lowest total."""

    totals: list[float]
    styles: list[float]
    best: Tensor


def eight_bit(picture: Tensor) -> Tensor:
    """Values (any shape) in 0..1, rounded to 8 bits."""
    return (picture * 255).round().clamp(0, 255) / 255


def uniform_noise(photo: Tensor) -> Tensor:
    """The papers' start: noise, always the same for a photo (1, 3, H, W) of the same size."""
    noise = torch.rand(photo.shape, generator=torch.Generator().manual_seed(NOISE_SEED))
    return noise.to(photo.device)


def first_below(values: list[float], target: float) -> int:
    """Number of evaluations before the first one below `target`."""
    return next((i for i, value in enumerate(values) if value < target), len(values))


@torch.no_grad()
def judged(objective: Objective, picture: Tensor, photo: Tensor, style: int) -> Losses:
    """Losses of an image (1, 3, H, W) as in Gatys: without the terms of a training against its network's traces."""
    index = torch.tensor([style], device=photo.device)
    style_loss, content = objective.distances(picture, objective.contents(photo), index)
    return Losses(objective.weighted(style_loss, content, index), style_loss, content, torch.zeros_like(style_loss))


def gatys(
    objective: Objective, photo: Tensor, style: int, start: Tensor, iterations: int, goal: float = -math.inf
) -> Curve:
    """Run plain L-BFGS from `start` for that many evaluations, or until the total is below `goal`.

    Args:
        photo, start: (1, 3, H, W).
        style: index of the style image in the objective.
    """
    picture = start.clone(memory_format=torch.contiguous_format).requires_grad_()  # L-BFGS flattens its gradient
    optimiser = torch.optim.LBFGS(
        [picture], max_iter=iterations, max_eval=iterations, history_size=HISTORY, tolerance_grad=0, tolerance_change=0
    )
    index = torch.tensor([style], device=photo.device)
    curve = Curve([], [], start.clone())
    contents = objective.contents(photo)

    def evaluate() -> Tensor:
        optimiser.zero_grad()
        style_loss, content_loss = objective.distances(picture, contents, index)
        total = objective.weighted(style_loss, content_loss, index).sum()
        torch.autograd.backward(total)
        if total.item() < min(curve.totals, default=math.inf):
            curve.best.copy_(picture.detach())
        curve.totals.append(total.item())
        curve.styles.append(style_loss.item())
        if total.item() < goal:
            raise Reached
        return total

    with suppress(Reached):
        optimiser.step(evaluate)  # type: ignore[no-untyped-call]
    return curve
