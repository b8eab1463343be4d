"""The optimisers: they lower the loss of an image step by step, and step back where it explodes.

Each is given `evaluate`, which returns loss and gradient of any image, and changes only its own state. Pictures
and gradients are (1, 3, H, W) in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from app.gatys.objective import GatysLosses
from app.gatys.options import GatysOptions
from app.gatys.smoothing import Smoothing

Evaluate = Callable[[Tensor], tuple[GatysLosses, Tensor]]

# The first step of L-BFGS knows no curvature: this is the largest change of a pixel, in 0..1.
FIRST_STEP = 0.05
# Armijo's condition and the shortening of a step that fails it (Nocedal & Wright, Numerical Optimization, chapter 3).
SUFFICIENT = 1e-4
SHORTER = 0.4
TRIES = 10


class Descent(Protocol):
    """An image that is being optimised.

    Attributes:
        picture: the image now.
        losses: of the image now.
    """

    picture: Tensor
    losses: GatysLosses

    def step(self) -> bool:
        """Do one iteration. False, with the image unchanged, if no step lowers the loss any more."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What is needed besides the image to continue from here, by name."""
        ...

    def load(self, state: dict[str, Tensor]) -> None:
        """Continue from `state`, with the image in place already."""
        ...


@dataclass(frozen=True)
class Pair:
    """A step, the change of the gradient along it, and their product."""

    step: Tensor
    change: Tensor
    curvature: float


class Lbfgs:
    """L-BFGS (Nocedal & Wright, algorithm 7.4) in a box, with a preconditioner and a backtracking line search.

    The loss never rises. Pixels at 0 or 1 whose gradient points outward are left out of the step, which keeps it a
    descent direction, and the step is projected onto 0..1.
    """

    def __init__(self, evaluate: Evaluate, picture: Tensor, options: GatysOptions) -> None:
        self.evaluate = evaluate
        self.bounded = options.bounded
        self.history = options.history
        self.smoothing = Smoothing(picture, options.smoothness)
        self.pairs: list[Pair] = []
        self.picture = picture
        self.losses, self.gradient = evaluate(picture)

    def step(self) -> bool:
        if self.search(self.direction()):
            return True
        # The curvature may be of a place far away, or of gradients with rounding errors: once more without it.
        had_curvature = bool(self.pairs)
        self.pairs.clear()
        return had_curvature and self.search(self.direction())

    def direction(self) -> Tensor:
        """Minus the gradient of the free pixels, times the approximate inverse Hessian."""
        free = self.free()
        q = self.gradient * free
        factors = []
        for pair in reversed(self.pairs):
            factors.append(dot(pair.step, q) / pair.curvature)
            q.add_(pair.change, alpha=-factors[-1])
        q = self.initial(q)
        for pair, factor in zip(self.pairs, reversed(factors), strict=True):
            q.add_(pair.step, alpha=factor - dot(pair.change, q) / pair.curvature)
        return q.mul_(free).neg_()

    def initial(self, q: Tensor) -> Tensor:
        """q times the inverse Hessian to begin with: the smoothing, scaled to the newest curvature."""
        smooth = self.smoothing(q)
        if not self.pairs:
            return smooth * (FIRST_STEP / max(smooth.abs().max().item(), 1e-30))
        newest = self.pairs[-1]
        return smooth * (newest.curvature / dot(newest.change, self.smoothing(newest.change)))

    def free(self) -> Tensor:
        if not self.bounded:
            return torch.ones_like(self.picture)
        stuck = ((self.picture <= 0) & (self.gradient > 0)) | ((self.picture >= 1) & (self.gradient < 0))
        return (~stuck).float()

    def search(self, direction: Tensor) -> bool:
        """The first of ever shorter steps that lowers the loss enough, taken; False if there is none."""
        length = 1.0
        for _ in range(TRIES):
            moved = self.picture + length * direction
            picture = moved.clamp(0, 1) if self.bounded else moved
            step = picture - self.picture
            losses, gradient = self.evaluate(picture)
            # A projected step may point uphill to first order; then it must at least not end higher.
            slope = min(0.0, dot(self.gradient, step))
            if usable(losses, gradient) and losses.total < self.losses.total + SUFFICIENT * slope:
                self.accept(picture, step, losses, gradient)
                return True
            length *= SHORTER
        return False

    def accept(self, picture: Tensor, step: Tensor, losses: GatysLosses, gradient: Tensor) -> None:
        self.remember(step, gradient - self.gradient)
        self.picture, self.losses, self.gradient = picture, losses, gradient

    def remember(self, step: Tensor, change: Tensor) -> None:
        pair = Pair(step, change, dot(step, change))
        # Without positive curvature the approximate Hessian would not be positive definite.
        if pair.curvature > 1e-10 * math.sqrt(dot(step, step) * dot(change, change)):
            self.pairs = [*self.pairs, pair][-self.history :]

    def state(self) -> dict[str, Tensor]:
        """Nothing: the pairs are up to twenty times the size of the image, and a restart without them costs nothing."""
        return {}

    def load(self, state: dict[str, Tensor]) -> None:
        """Begin with a short step, as at the start."""


class Adam:
    """Adam (Kingma & Ba, 1412.6980, algorithm 1) that steps back to the best image when the loss explodes."""

    BETAS = (0.9, 0.9)  # a long second moment (0.99) ends a quarter higher after 100 iterations
    EXPLODED = 2.0  # times the best loss: Adam may go uphill a little
    SMALLEST = 1e-6  # learning rate under which no pixel changes any more

    def __init__(self, evaluate: Evaluate, picture: Tensor, options: GatysOptions) -> None:
        self.evaluate = evaluate
        self.bounded = options.bounded
        self.rate = options.learning_rate
        self.picture = picture
        self.losses, self.gradient = evaluate(picture)
        self.best = (picture, self.losses, self.gradient)
        self.forget()

    def forget(self) -> None:
        self.steps = 0
        self.mean = torch.zeros_like(self.picture)
        self.square = torch.zeros_like(self.picture)

    def step(self) -> bool:
        while self.rate >= self.SMALLEST:
            picture = self.proposed()
            losses, gradient = self.evaluate(picture)
            if usable(losses, gradient) and losses.total <= self.EXPLODED * self.best[1].total:
                self.picture, self.losses, self.gradient = picture, losses, gradient
                if losses.total < self.best[1].total:
                    self.best = (picture, losses, gradient)
                return True
            self.picture, self.losses, self.gradient = self.best
            self.rate *= SHORTER
            self.forget()
        return False

    def proposed(self) -> Tensor:
        self.steps += 1
        first, second = self.BETAS
        self.mean = self.mean.lerp(self.gradient, 1 - first)
        self.square = self.square.lerp(self.gradient.square(), 1 - second)
        mean = self.mean / (1 - first**self.steps)
        square = self.square / (1 - second**self.steps)
        moved = self.picture - self.rate * mean / (square.sqrt() + 1e-30)
        return moved.clamp(0, 1) if self.bounded else moved

    def state(self) -> dict[str, Tensor]:
        return {
            "mean": self.mean,
            "square": self.square,
            "steps": torch.tensor(self.steps),
            "rate": torch.tensor(self.rate),
        }

    def load(self, state: dict[str, Tensor]) -> None:
        self.mean, self.square = state["mean"].to(self.picture), state["square"].to(self.picture)
        self.steps, self.rate = int(state["steps"]), float(state["rate"])


OPTIMISERS: dict[str, Callable[[Evaluate, Tensor, GatysOptions], Descent]] = {"lbfgs": Lbfgs, "adam": Adam}


def usable(losses: GatysLosses, gradient: Tensor) -> bool:
    return math.isfinite(losses.total) and bool(gradient.isfinite().all())


def dot(a: Tensor, b: Tensor) -> float:
    return torch.dot(a.flatten(), b.flatten()).item()
