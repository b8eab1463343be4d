"""The training loop of everything that is trained: resumable, with reproducible results.

Several processes can share a step's batch; gradients are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from app.training.checkpoint import Checkpoint
from app.training.photos import Photos, Sample
from app.training.recipe import Schedule

# Steps between the states to which it can roll back, and the number of rollbacks before it gives up.
GOOD_STATE_STEPS = 100
MAX_RETREATS = 8
# An optimiser's state of a parameter, beside the number of steps.
MOMENTS = ("exp_avg", "exp_avg_sq", "draws")


class TrainingDiverged(Exception):
    """The losses kept becoming infinite although the learning rate was lowered repeatedly."""


class UnevenBatch(Exception):
    """The processes cannot share the batch equally, so some samples would weigh more in the mean gradient."""


@dataclass(frozen=True)
class Step:
    """Losses of one step by name, means over the process's own samples; `total` is minimised."""

    step: int
    losses: Mapping[str, float]


@dataclass(frozen=True)
class Optimiser:
    """An optimiser of some of the parameters, with a multiple of the recipe's learning rate."""

    steps: torch.optim.Optimizer
    factor: float = 1.0


class Trainer:
    """The state of a training and its steps. Subclasses define what is trained, and the losses.

    Args:
        recipe: schedule, photos and optimiser.
        targets: what is trained, in order; a checkpoint with other targets is refused.
        learner: the module whose parameters with gradients are trained, in float32.
        photos: the samples of every step.

    Attributes:
        parameters: the parameters that are trained, by name.
        values: the parameters and the learner's running statistics, by name.
        average: moving averages of the values, which ship.
        step: number of steps done.

    Raises:
        UnevenBatch: the batch is not a multiple of the number of processes.
    """

    def __init__(
        self, recipe: Schedule, targets: tuple[str, ...], learner: nn.Module, photos: Photos, device: torch.device
    ) -> None:
        self.recipe = recipe
        self.targets = targets
        self.dtype = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
        self.photos = photos
        self.device = device
        self.rank, self.processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        if recipe.batch % self.processes:
            raise UnevenBatch(f"{self.processes} processes cannot share a batch of {recipe.batch} equally.")
        self.parameters = {name: p for name, p in learner.to(device).named_parameters() if p.requires_grad}
        self.statistics = dict(learner.named_buffers())
        self.values = self.parameters | self.statistics
        self.optimisers = self.build_optimisers()
        self.step = 0
        self.retreats = 0
        self.asked_to_stop = self.stopping = False
        self.begin()

    def build_optimisers(self) -> list[Optimiser]:
        """One Adam for all parameters; subclasses may override this."""
        return [Optimiser(torch.optim.Adam(self.parameters.values(), self.recipe.learning_rate, self.recipe.betas))]

    def begin(self) -> None:
        """Start from the current values: they become the average and the state to roll back to."""
        self.average = self.copies()
        self.good = self.checkpoint()

    def run(self) -> Iterator[Step]:
        """Train to the recipe's last step or until `stop`, yielding after every step.

        Raises:
            TrainingDiverged: after too many rollbacks.
        """
        while self.step < self.recipe.steps:
            for sample in self.photos.stream(self.step, self.retreats, self.rank, self.processes):
                done = self.advance(sample)
                if done is None:
                    self.retreat()
                    break  # the stream starts again at the step it rolled back to
                yield done
                if self.step % GOOD_STATE_STEPS == 0:
                    self.good = self.checkpoint()
                if self.stopping:
                    return

    def stop(self) -> None:
        """End `run` after the current step; may be called by a signal handler.

        Several processes end after the same step, as soon as all of them know of it.
        """
        self.asked_to_stop = True
        self.stopping = self.processes == 1

    def losses(self, sample: Sample) -> Mapping[str, Tensor]:
        """Losses by name, each of any shape; the mean of `total` is minimised. The sample is on the device."""
        raise NotImplementedError

    def advance(self, sample: Sample) -> Step | None:
        """One step on one sample; None, with nothing changed, if its gradient is not finite."""
        for optimiser in self.optimisers:
            for group in optimiser.steps.param_groups:
                group["lr"] = optimiser.factor * self.learning_rate()
        self.forget_gradients()
        losses = self.losses(Sample(sample.photos.to(self.device), sample.styles.to(self.device)))
        total: Tensor = losses["total"].mean()
        torch.autograd.backward(total)
        self.reduce_gradients()
        # All processes see the same reduced gradients, so all of them take the same branch.
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.gradient_clip)
        if not torch.isfinite(norm):
            return None
        for optimiser in self.optimisers:
            optimiser.steps.step()
        self.share_statistics()
        self.step += 1
        self.update_average()
        return Step(self.step, {name: loss.detach().mean().item() for name, loss in losses.items()})

    def forget_gradients(self) -> None:
        for parameter in self.parameters.values():
            parameter.grad = None

    def learning_rate(self) -> float:
        warmup = min(1.0, (self.step + 1) / max(1, self.recipe.warmup_steps))
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / self.recipe.steps))
        return self.recipe.learning_rate * warmup * (0.01 + 0.99 * cosine) * 0.5**self.retreats

    def reduce_gradients(self) -> None:
        """Average gradients over the processes, in one message that also agrees on whether to stop."""
        if self.processes == 1:
            return
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        flat = torch.cat([*(g.flatten() for g in gradients), gradients[0].new_tensor([self.asked_to_stop])])
        dist.all_reduce(flat)
        # If a process stopped alone, the others would wait for its gradients forever.
        self.stopping = bool(flat[-1] > 0)
        flat = flat[:-1] / self.processes
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def share_statistics(self) -> None:
        """Average the running statistics over the processes, each of which sees its own samples."""
        if self.processes == 1:
            return
        for statistic in self.statistics.values():
            dist.all_reduce(statistic)
            statistic.div_(self.processes)

    @torch.no_grad()
    def update_average(self) -> None:
        # Early on, the average is over few steps, so that it forgets the random start.
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, value in self.values.items():
            self.average[name].lerp_(value, 1 - decay)

    def retreat(self) -> None:
        """Roll back to the last good state, with other photos and half the learning rate."""
        retreats = self.retreats + 1
        if retreats > MAX_RETREATS:
            raise TrainingDiverged(f"The gradient was not finite {retreats} times; last at step {self.step + 1}.")
        self.restore(self.good)
        self.retreats = retreats

    def copies(self) -> dict[str, Tensor]:
        """Copies of the current values."""
        return {name: value.detach().clone() for name, value in self.values.items()}

    def moments(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The optimisers' state by name of the parameter; empty before the first step."""
        names = {parameter: name for name, parameter in self.parameters.items()}
        for optimiser in self.optimisers:
            for group in optimiser.steps.param_groups:
                for parameter in group["params"]:
                    yield names[parameter], optimiser.steps.state[parameter]

    def checkpoint(self) -> Checkpoint:
        """The whole state, as copies."""
        tensors = self.copies()
        tensors |= {f"average.{name}": a.clone() for name, a in self.average.items()}
        for name, state in self.moments():
            tensors |= {f"{entry}.{name}": state[entry].clone() for entry in MOMENTS if entry in state}
        return Checkpoint(self.step, self.retreats, self.recipe.model_dump_json(), self.targets, tensors)

    @torch.no_grad()
    def restore(self, state: Checkpoint) -> None:
        """Continue from `state`.

        Raises:
            ValueError: it belongs to a training with other targets.
        """
        if state.targets != self.targets:
            raise ValueError("The checkpoint belongs to a training of other targets.")
        self.step, self.retreats = state.step, state.retreats
        for name, value in self.values.items():
            value.copy_(state.tensors[name])
            self.average[name].copy_(state.tensors[f"average.{name}"])
        for name, moments in self.moments():
            kept = {entry: state.tensors.get(f"{entry}.{name}") for entry in MOMENTS}
            moments.clear()
            moments |= {entry: value.to(self.device).clone() for entry, value in kept.items() if value is not None}
            if moments:
                moments["step"] = torch.tensor(float(state.step))
        self.good = state
