"""A training in a folder: checkpoint, loss series and sample sheets, so that it can be continued after any stop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from safetensors import SafetensorError

from app.training.checkpoint import Checkpoint
from app.training.trainer import Step, Trainer

CHECKPOINT = "checkpoint.safetensors"
LOSSES = "losses.jsonl"
SHEETS = "sheets"
# Recipe members that may differ when a run is continued; any other change makes it another training.
CHANGEABLE = frozenset({"steps"})
# Largest share of the time that sheets may take: with a large network and many styles, one takes a minute.
SHEET_SHARE = 0.03


class UnusableRun(Exception):
    """The folder holds another training, or a checkpoint that cannot be read."""


class Run:
    """Drives a trainer and keeps its folder.

    Args:
        draw_samples: draws a sheet of results, if there is something to show.
        checkpoint_seconds, sheet_seconds: time between them; longer for sheets that take long to draw.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        draw_samples: Callable[[], Image.Image] | None = None,
        *,
        checkpoint_seconds: float = 120,
        sheet_seconds: float = 300,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.trainer = trainer
        self.draw_samples = draw_samples
        self.checkpoint_seconds = checkpoint_seconds
        self.sheet_seconds = sheet_seconds
        self.clock = clock
        self.recorded = trainer.step

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint to continue from."""
        return (self.folder / CHECKPOINT).exists()

    def resume(self) -> bool:
        """Continue from the folder's checkpoint, if there is one.

        Raises:
            UnusableRun: it has another recipe or other styles, or is broken.
        """
        if not self.begun:
            self.forget_losses_after(0)
            return False
        try:
            state = Checkpoint.load(self.folder / CHECKPOINT)
            before = type(self.trainer.recipe).model_validate_json(state.recipe).model_dump()
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise UnusableRun(f"The checkpoint in {self.folder} cannot be read; a new folder starts anew.") from error
        now = self.trainer.recipe.model_dump()
        if changed := [member for member in now if member not in CHANGEABLE and now[member] != before[member]]:
            raise UnusableRun(f"{self.folder} holds a training with another recipe ({', '.join(changed)}).")
        if state.targets != self.trainer.targets:
            raise UnusableRun(f"{self.folder} holds a training of other targets ({', '.join(state.targets)}).")
        self.trainer.restore(state)
        self.recorded = state.step
        self.forget_losses_after(state.step)
        return True

    def steps(self) -> Iterator[Step]:
        """Train until the end or `Trainer.stop`, yielding every step.

        The state is saved when the iteration ends, also if the caller stops iterating. An exception within a step
        leaves the last checkpoint, since the state in memory may be inconsistent.
        """
        if self.trainer.rank > 0:  # one process writes, the others only compute
            yield from self.trainer.run()
            return
        (self.folder / SHEETS).mkdir(parents=True, exist_ok=True)
        saved = drawn = self.clock()
        pause = self.sheet_seconds
        for step in self.trainer.run():
            self.record(step)
            if self.clock() - saved >= self.checkpoint_seconds:
                self.save()
                saved = self.clock()
            if (begun := self.clock()) - drawn >= pause:
                self.draw()
                drawn = self.clock()
                pause = max(self.sheet_seconds, (drawn - begun) / SHEET_SHARE)
            try:
                yield step
            except GeneratorExit:
                self.save()
                raise
        self.save()
        if not self.trainer.stopping:  # the caller that stopped it is waiting
            self.draw()

    def record(self, step: Step) -> None:
        """Append a step's losses to the series."""
        if step.step <= self.recorded:  # after a rollback
            self.forget_losses_after(step.step - 1)
        with (self.folder / LOSSES).open("a") as losses:
            losses.write(json.dumps({"step": step.step, **step.losses}) + "\n")
        self.recorded = step.step

    def save(self) -> None:
        self.trainer.checkpoint().save(self.folder / CHECKPOINT)

    def draw(self) -> None:
        if self.draw_samples:
            self.draw_samples().save(self.folder / SHEETS / f"{self.trainer.step:07d}.jpg", quality=90)

    def forget_losses_after(self, step: int) -> None:
        """Drop the losses of steps that are repeated."""
        path = self.folder / LOSSES
        if self.trainer.rank > 0 or not path.exists():
            return
        lines = path.read_text().splitlines()
        # A killed process may have left half a line behind.
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        path.write_text("".join(line + "\n" for line in kept))
