"""The transfer: one photo stylized in one or several styles, iteration by iteration.

Gatys, Ecker & Bethge, "A Neural Algorithm of Artistic Style" (1508.06576); coarse to fine as in Gatys et al.,
"Controlling Perceptual Factors in Neural Style Transfer" (1611.07865, section 6).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.errors import InvalidOption
from app.gatys.canvas import crop, enlarged, pixels, resized, widened
from app.gatys.checkpoint import ForeignCheckpoint, GatysCheckpoint
from app.gatys.descent import OPTIMISERS, Descent
from app.gatys.objective import GatysLosses, GatysObjective
from app.gatys.options import GatysOptions
from app.gatys.palette import recoloured
from app.gatys.schedule import ScaleSchedule, Stage
from app.imaging.compose import recolouring
from app.imaging.resize import fitted
from app.nets.descriptor import Descriptor
from app.nets.precision import supports_bfloat16

# Iterations over which the loss must fall by the options' tolerance.
WINDOW = 10

Outcome = Literal["iterations", "seconds", "flat"]


@dataclass(frozen=True)
class Iteration:
    """What one iteration did.

    Attributes:
        iteration: iterations done, over all scales.
        iterations: how many there will be at most.
        scale: edges of the picture of the moment as a share of the final ones.
        losses: of the picture of the moment; they rise where a new scale begins.
        seconds: spent on this transfer so far, those before a restart included.
    """

    iteration: int
    iterations: int
    scale: float
    losses: GatysLosses
    seconds: float


class Transfer:
    """The whole state of one optimisation.

    Args:
        content: the photo, (1, 3, H, W) RGB in 0..1, on the device that does the work.
        styles: style images, as `content` but of any size, each with its weight; the weights are normalised.
        descriptor: the loss network, on that device. It is copied, not changed.
        options: of the method.
        start: the image to start from, of any size, for `start="picture"`.
        clock: seconds that only grow.

    Attributes:
        outcome: why it ended; None before.

    Raises:
        InvalidOption: no style has weight, `start` is missing or not wanted, or the loss network lacks a layer.
    """

    def __init__(
        self,
        content: Tensor,
        styles: Sequence[tuple[Tensor, float]],
        descriptor: Descriptor,
        options: GatysOptions,
        *,
        start: Tensor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options
        self.clock = clock
        self.styles = normalised(styles)
        self.given_descriptor = descriptor
        self.descriptor = prepared(descriptor, wanted_precision(options, content.device))
        width, height = fitted(content.shape[3], content.shape[2], options.size)
        self.size = (height, width)
        self.photo = widened(resized(content, self.size))
        self.start = self.first_picture(start)
        self.schedule = ScaleSchedule(self.photo.shape[2], self.photo.shape[3], options)
        self.outcome: Outcome | None = None
        self.iteration = 0
        self.seconds = 0.0
        self.index = 0
        self.begin_stage(resized(self.start, self.stage_size()))

    def first_picture(self, start: Tensor | None) -> Tensor:
        """The start at full size."""
        if (start is not None) != (self.options.start == "picture"):
            raise InvalidOption("An image to start from needs start=picture, and start=picture needs one.")
        if start is not None:
            return widened(resized(start, self.size))
        if self.options.start == "content":
            return recoloured(self.photo, self.styles) if self.options.palette else self.photo
        # Drawn on the CPU: the same noise on every device.
        noise = torch.rand(self.photo.shape, generator=torch.Generator().manual_seed(self.options.seed))
        return noise.to(self.photo)

    @property
    def stage(self) -> Stage:
        return self.schedule.stages[self.index]

    def stage_size(self) -> tuple[int, int]:
        return self.stage.height, self.stage.width

    def begin_stage(self, picture: Tensor) -> None:
        """Begin the stage `self.index` with an image of its size."""
        photo = resized(self.photo, self.stage_size())
        longer = max(1, round(self.options.stroke * self.stage.scale * max(self.size)))
        paintings = [
            (widened(resized(painting, fitted(painting.shape[3], painting.shape[2], longer)[::-1])), weight)
            for painting, weight in self.styles
        ]
        self.objective = GatysObjective(self.descriptor, photo, paintings, self.options)
        self.descent: Descent = OPTIMISERS[self.options.optimiser](self.objective.evaluate, picture, self.options)
        self.done = 0
        self.stuck = False
        self.totals = [self.descent.losses.total]

    def run(self) -> Iterator[Iteration]:
        """Run to the end, yielding after every iteration. If left early, it can be continued or checkpointed."""
        before = self.clock()
        while self.outcome is None:
            if ended := self.stage_ended():
                self.end_stage(ended)
                continue
            moved = self.descent.step()
            if not moved and self.descriptor.dtype != torch.float32:
                self.sharpen()
                continue
            self.stuck = not moved
            now = self.clock()
            self.seconds += now - before
            before = now
            if moved:
                self.iteration += 1
                self.done += 1
                self.totals = [*self.totals[-WINDOW:], self.descent.losses.total]
                yield self.report()
                # The caller's time between two iterations does not count.
                before = self.clock()

    def sharpen(self) -> None:
        """Continue in float32: the rounding of bfloat16 features has become larger than what is left to gain."""
        self.descriptor = prepared(self.given_descriptor, torch.float32)
        done = self.done
        self.begin_stage(self.descent.picture)
        self.done = done

    def report(self) -> Iteration:
        left = self.stage.iterations - self.done + self.schedule.iterations_after(self.index)
        return Iteration(self.iteration, self.iteration + left, self.stage.scale, self.descent.losses, self.seconds)

    def stage_ended(self) -> Outcome | None:
        if self.options.seconds and self.seconds >= self.options.seconds * self.schedule.ends[self.index]:
            return "seconds"
        if self.stuck or self.flat():
            return "flat"
        return "iterations" if self.done >= self.stage.iterations else None

    def flat(self) -> bool:
        return len(self.totals) > WINDOW and self.totals[0] - self.totals[-1] < self.options.tolerance * self.totals[0]

    def end_stage(self, ended: Outcome) -> None:
        if self.index == len(self.schedule.stages) - 1:
            self.outcome = ended
            return
        coarse = self.stage_size()
        self.index += 1
        # Noise has no detail that the final picture should keep.
        detail = 0.0 if self.options.start == "noise" else self.options.detail
        picture = enlarged(self.descent.picture, self.start, coarse, self.stage_size(), detail)
        self.begin_stage(picture.clamp(0, 1) if self.options.bounded else picture)

    @property
    def progress(self) -> float:
        """How far it is, 0..1; it never falls."""
        if self.outcome:
            return 1.0
        behind = self.schedule.share(self.index, self.done)
        return min(1.0, max(behind, self.seconds / self.options.seconds) if self.options.seconds else behind)

    @property
    def eta_seconds(self) -> float | None:
        """Remaining seconds at the pace so far; None before the first iteration."""
        if self.outcome:
            return 0.0
        if not self.iteration:
            return None
        return self.seconds / self.progress * (1 - self.progress)

    def picture(self) -> NDArray[np.uint8]:
        """The current image at the final size, (H, W, 3) sRGB."""
        whole = resized(self.descent.picture, (self.photo.shape[2], self.photo.shape[3]))
        painted = pixels(crop(whole, self.size))
        if self.options.color == "style":
            return painted
        photo = pixels(crop(self.photo, self.size))
        return recolouring(photo, painted, self.options.color)(photo, painted)

    def checkpoint(self) -> GatysCheckpoint:
        """The state; call it between two iterations."""
        tensors = {f"optimiser.{name}": value for name, value in self.descent.state().items()}
        tensors["picture"] = self.descent.picture
        state = {
            "options": self.options.model_dump_json(),
            "stage": self.index,
            "done": self.done,
            "iteration": self.iteration,
            "seconds": self.seconds,
            "outcome": self.outcome,
            "sharpened": self.descriptor.dtype == torch.float32,
            "totals": self.totals,
        }
        return GatysCheckpoint({name: value.detach().cpu().clone() for name, value in tensors.items()}, state)

    def restore(self, checkpoint: GatysCheckpoint) -> None:
        """Continue from `checkpoint`. The loss continues where it was; later iterations differ in their last bits.

        Raises:
            ForeignCheckpoint: it belongs to other options or another size.
        """
        state, picture = checkpoint.state, checkpoint.tensors["picture"]
        if state["options"] != self.options.model_dump_json() or not 0 <= state["stage"] < len(self.schedule.stages):
            raise ForeignCheckpoint("The checkpoint was taken with other options.")
        self.index = state["stage"]
        if picture.shape[2:] != self.stage_size():
            raise ForeignCheckpoint("The checkpoint is of an image of another size.")
        if state["sharpened"]:
            self.descriptor = prepared(self.given_descriptor, torch.float32)
        self.begin_stage(picture.to(self.photo))
        self.descent.load(
            {name.removeprefix("optimiser."): value for name, value in checkpoint.tensors.items() if name != "picture"}
        )
        self.done, self.iteration, self.seconds = state["done"], state["iteration"], state["seconds"]
        self.totals = state["totals"]
        self.outcome = state["outcome"]


def normalised(styles: Sequence[tuple[Tensor, float]]) -> list[tuple[Tensor, float]]:
    weights = [weight for _, weight in styles]
    whole = sum(weights)
    if not (weights and min(weights) >= 0 and 0 < whole < float("inf")):
        raise InvalidOption("Style weights are numbers from 0, and at least one is above 0.")
    return [(painting, weight / whole) for painting, weight in styles if weight]


def wanted_precision(options: GatysOptions, device: torch.device) -> torch.dtype:
    narrow = options.precision == "bfloat16" or (options.precision == "auto" and supports_bfloat16(device.type))
    return torch.bfloat16 if narrow else torch.float32


def prepared(descriptor: Descriptor, dtype: torch.dtype) -> Descriptor:
    """A copy of the loss network that computes in `dtype`, its weights in the memory format of the images."""
    own = copy.deepcopy(descriptor).narrow(dtype)
    for weight in own.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return own
