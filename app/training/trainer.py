"""The training loop: a generator and its style rows learn to lower the objective, resumably and to the same result.

After Johnson et al. (1603.08155, section 3) for the loop and Dumoulin et al. (1610.07629, section 2) for the random
style of every sample. One process or several: each takes its share of a step's batch and gradients are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.func import functional_call

from app.nets.generators import Trunk, build_generator
from app.nets.norm import StyleRows
from app.training.checkpoint import Checkpoint
from app.training.objective import Objective
from app.training.photos import Photos, Sample
from app.training.recipe import Recipe

# How far apart the states are that the guard can step back to, in steps, and how often it may before it gives up.
GOOD_STATE_STEPS = 100
MAX_RETREATS = 8


class TrainingDiverged(Exception):
    """The losses became infinite again and again, however far the learning rate was lowered."""


class UnevenBatch(Exception):
    """The processes cannot share the batch equally; the mean of their gradients would weigh some samples more."""


@dataclass(frozen=True)
class Step:
    """What one step did. The losses are means over the process's own samples."""

    step: int
    total: float
    style: float
    content: float


class Trainer:
    """Everything that changes during a training.

    Attributes:
        generator, rows: the weights that are being trained.
        average: averaged copies of all of them by name, the weights that ship.
        step: steps done.

    Raises:
        UnevenBatch: if the batch is no multiple of the processes.
    """

    def __init__(
        self,
        recipe: Recipe,
        styles: tuple[str, ...],
        objective: Objective,
        photos: Photos,
        device: torch.device,
    ) -> None:
        self.recipe = recipe
        self.styles = styles
        self.dtype = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
        self.objective = objective.to(device)
        self.objective.descriptor.narrow(self.dtype)
        self.photos = photos
        self.device = device
        self.rank, self.processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        if recipe.batch % self.processes:
            raise UnevenBatch(f"{self.processes} processes cannot share a batch of {recipe.batch} equally.")
        torch.manual_seed(recipe.seed)
        self.generator: Trunk = build_generator(recipe.architecture, recipe.options).to(device)
        self.rows = StyleRows(len(styles), self.generator.features).to(device)
        self.parameters = dict(nn.ModuleDict({"generator": self.generator, "rows": self.rows}).named_parameters())
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.optimiser = torch.optim.Adam(self.parameters.values(), recipe.learning_rate, recipe.betas)
        self.step = 0
        self.retreats = 0
        self.asked_to_stop = self.stopping = False
        self.good = self.checkpoint()

    def run(self) -> Iterator[Step]:
        """Train to the recipe's last step or until `stop`, yielding after every step.

        Raises:
            TrainingDiverged: after too many retreats.
        """
        while self.step < self.recipe.steps:
            for sample in self.photos.stream(self.step, self.retreats, self.rank, self.processes):
                done = self.advance(sample)
                if done is None:
                    self.retreat()
                    break  # the stream starts again at the step stepped back to
                yield done
                if self.step % GOOD_STATE_STEPS == 0:
                    self.good = self.checkpoint()
                if self.stopping:
                    return

    def stop(self) -> None:
        """End `run` after the step that is under way; may be called by a signal handler.

        Several processes end after the same step, the first one in which all of them have heard of it.
        """
        self.asked_to_stop = True
        self.stopping = self.processes == 1

    def advance(self, sample: Sample) -> Step | None:
        """One step on one sample; None, with nothing changed, if its gradient is not finite."""
        photos, styles = sample.photos.to(self.device), sample.styles.to(self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.optimiser.zero_grad()
        painted = functional_call(self.generator, self.generator.weights(self.dtype), (photos, *self.rows(styles)))
        losses = self.objective(painted, photos, styles)
        losses.total.mean().backward()
        self.reduce_gradients()
        # All processes see the same reduced gradients, so all of them take the same branch.
        norm = nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.gradient_clip)
        if not torch.isfinite(norm):
            return None
        self.optimiser.step()
        self.step += 1
        self.update_average()
        return Step(self.step, *(part.mean().item() for part in (losses.total, losses.style, losses.content)))

    def learning_rate(self) -> float:
        warmup = min(1.0, (self.step + 1) / max(1, self.recipe.warmup_steps))
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / self.recipe.steps))
        return self.recipe.learning_rate * warmup * (0.01 + 0.99 * cosine) * 0.5**self.retreats

    def reduce_gradients(self) -> None:
        """Average gradients over the processes, in one message that also agrees on stopping."""
        if self.processes == 1:
            return
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        flat = torch.cat([*(g.flatten() for g in gradients), gradients[0].new_tensor([self.asked_to_stop])])
        dist.all_reduce(flat)
        # A process that stopped alone would leave the others waiting for its next gradients.
        self.stopping = bool(flat[-1] > 0)
        flat = flat[:-1] / self.processes
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    @torch.no_grad()
    def update_average(self) -> None:
        # Early on the average is short, so that it does not carry the random start along.
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, parameter in self.parameters.items():
            self.average[name].lerp_(parameter, 1 - decay)

    def retreat(self) -> None:
        """Back to the last good state, with other photos and half the learning rate."""
        retreats = self.retreats + 1
        if retreats > MAX_RETREATS:
            raise TrainingDiverged(f"The gradient was not finite {retreats} times; last at step {self.step + 1}.")
        self.restore(self.good)
        self.retreats = retreats

    def checkpoint(self) -> Checkpoint:
        """The whole state, as copies."""
        tensors = {name: p.detach().clone() for name, p in self.parameters.items()}
        tensors |= {f"average.{name}": a.clone() for name, a in self.average.items()}
        for name, parameter in self.parameters.items():
            for moment in ("exp_avg", "exp_avg_sq"):
                value = self.optimiser.state.get(parameter, {}).get(moment)
                tensors[f"{moment}.{name}"] = torch.zeros_like(parameter) if value is None else value.clone()
        return Checkpoint(self.step, self.retreats, self.recipe.model_dump_json(), self.styles, tensors)

    @torch.no_grad()
    def restore(self, state: Checkpoint) -> None:
        """Continue from `state`.

        Raises:
            ValueError: if it belongs to a training of other styles.
        """
        if state.styles != self.styles:
            raise ValueError("The checkpoint belongs to a training of other styles.")
        self.step, self.retreats = state.step, state.retreats
        for name, parameter in self.parameters.items():
            parameter.copy_(state.tensors[name])
            self.average[name].copy_(state.tensors[f"average.{name}"])
            moments = {m: state.tensors[f"{m}.{name}"].to(self.device).clone() for m in ("exp_avg", "exp_avg_sq")}
            self.optimiser.state[parameter] = {"step": torch.tensor(float(state.step)), **moments}
        self.good = state

    def averaged(self) -> tuple[Trunk, StyleRows]:
        """A generator and rows of their own with the averaged weights, on the training's device."""
        generator = build_generator(self.recipe.architecture, self.recipe.options).to(self.device)
        rows = StyleRows(len(self.styles), generator.features).to(self.device)
        nn.ModuleDict({"generator": generator, "rows": rows}).load_state_dict(self.average)
        return generator.eval(), rows.eval()


def evaluate(objective: Objective, generator: nn.Module, rows: StyleRows, photos: list[Tensor]) -> Iterator[Tensor]:
    """For every style, mean style and content loss over photos (1, 3, H, W), as a (2,) tensor."""
    styles = rows.gamma.shape[0]
    for style in range(styles):
        index = torch.tensor([style], device=rows.gamma.device)
        with torch.inference_mode():
            losses = [objective(generator(photo, *rows(index)), photo, index) for photo in photos]
        yield torch.stack([torch.cat([loss.style, loss.content]) for loss in losses]).mean(dim=0)
