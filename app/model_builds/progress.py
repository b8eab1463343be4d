"""The progress of a training, from its start to its gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from app.training.run import Run

# `start` looks for the best rows to start from, `train` does the steps, `gates` scores and checks what came out.
Stage = Literal["start", "train", "gates"]
# Where the steps lie in the whole.
STEPS_BEGIN, STEPS_END = 0.05, 0.85


class TrainingStopped(Exception):
    """`stop` said so; the run's folder holds the state, and the same call continues from there."""


@dataclass(frozen=True)
class BuildProgress:
    """Reported after every step of the training, and several times in the stages before and after it.

    Attributes:
        fraction: of the whole, 0..1; never falls, but for a training that the guard set back.
        step, steps: of the training, counted over all attempts.
        losses: of the step (`total`, `style`, `content`); empty in other stages.
        run: while it trains: for `save()` and its checkpoint, and for `draw_samples()`.
    """

    stage: Stage
    fraction: float
    step: int
    steps: int
    losses: Mapping[str, float]
    run: Run | None = None


# May raise: between two steps the state is saved before the exception goes on.
Watch = Callable[[BuildProgress], None]
Stop = Callable[[], bool]


def train_to_the_end(run: Run, watch: Watch, stop: Stop) -> None:
    """Continue from the state in the run's folder.

    Raises:
        TrainingStopped, UnusableRun, TrainingDiverged.
    """
    trainer = run.trainer
    run.resume()
    for step in run.steps():
        steps = trainer.recipe.steps
        fraction = STEPS_BEGIN + (STEPS_END - STEPS_BEGIN) * step.step / steps
        watch(BuildProgress("train", fraction, step.step, steps, step.losses, run))
        if stop():
            trainer.stop()
    if trainer.step < trainer.recipe.steps:
        raise TrainingStopped


@dataclass(frozen=True)
class GatesWatch:
    """Reports how much of the gates is done, as progress of the whole; raises TrainingStopped."""

    run: Run
    watch: Watch
    stop: Stop

    def __call__(self, fraction: float) -> None:
        steps = self.run.trainer.recipe.steps
        self.watch(BuildProgress("gates", STEPS_END + (1 - STEPS_END) * fraction, steps, steps, {}))
        if self.stop():
            raise TrainingStopped
