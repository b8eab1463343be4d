"""A training in a folder: checkpoint, loss series and sample sheets, so that it survives whatever stops it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from app.training.checkpoint import Checkpoint
from app.training.recipe import Recipe
from app.training.sheet import draw_sheet
from app.training.trainer import Step, Trainer

CHECKPOINT = "checkpoint.safetensors"
LOSSES = "losses.jsonl"
SHEETS = "sheets"
# Recipe members that may change when a run is continued; any other change would make it another training.
CHANGEABLE = frozenset({"steps"})


class OtherRecipe(Exception):
    """The folder holds a training with another recipe."""


class Run:
    """Drives a trainer and keeps its folder.

    Args:
        samples: photos (1, 3, H, W) that the sheets show in every style.
        checkpoint_seconds, sheet_seconds: how far apart they are written.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        samples: Sequence[Tensor],
        *,
        checkpoint_seconds: float = 120,
        sheet_seconds: float = 300,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.trainer = trainer
        self.samples = samples
        self.checkpoint_seconds = checkpoint_seconds
        self.sheet_seconds = sheet_seconds
        self.clock = clock

    def resume(self) -> bool:
        """Continue from the folder's checkpoint, where there is one.

        Raises:
            OtherRecipe: if it was made with another recipe or other styles.
        """
        path = self.folder / CHECKPOINT
        if not path.exists():
            return False
        state = Checkpoint.load(path)
        before = Recipe.model_validate_json(state.recipe).model_dump(exclude=set(CHANGEABLE))
        if before != self.trainer.recipe.model_dump(exclude=set(CHANGEABLE)) or state.styles != self.trainer.styles:
            raise OtherRecipe(f"{self.folder} holds a training with another recipe or other styles.")
        self.trainer.restore(state)
        self.forget_losses_after(state.step)
        return True

    def steps(self) -> Iterator[Step]:
        """Train to the end, yielding every step. The state is saved however the iteration ends."""
        if self.trainer.rank > 0:  # one process writes, the others only compute
            yield from self.trainer.run()
            return
        (self.folder / SHEETS).mkdir(parents=True, exist_ok=True)
        saved = drawn = self.clock()
        try:
            with (self.folder / LOSSES).open("a") as losses:
                for step in self.trainer.run():
                    losses.write(json.dumps(vars(step)) + "\n")
                    if self.clock() - saved >= self.checkpoint_seconds:
                        losses.flush()
                        self.save()
                        saved = self.clock()
                    if self.clock() - drawn >= self.sheet_seconds:
                        self.draw()
                        drawn = self.clock()
                    yield step
        finally:
            self.save()
        self.draw()

    def save(self) -> None:
        self.trainer.checkpoint().save(self.folder / CHECKPOINT)

    def draw(self) -> None:
        generator, rows = self.trainer.averaged()
        sheet = draw_sheet(generator, rows, self.samples)
        sheet.save(self.folder / SHEETS / f"{self.trainer.step:07d}.jpg", quality=90)

    def forget_losses_after(self, step: int) -> None:
        """Steps after the checkpoint are about to be done again."""
        path = self.folder / LOSSES
        lines = path.read_text().splitlines() if path.exists() else []
        # A killed process may have left half a line behind.
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        path.write_text("".join(line + "\n" for line in kept))
