"""What a training reports to its job: progress, losses, sample sheets and checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from app.jobs.context import HandedOver, JobContext
from app.model_builds.previews import to_jpeg
from app.model_builds.progress import BuildProgress
from app.training.run import CHECKPOINT, Run

# Checkpoints and sheets may take this share of the time, and a sheet comes no more often than so.
SHARE = 0.05
SHEET_SECONDS = 5


class Pacer:
    """Says when something that takes a while is worth doing again."""

    def __init__(self, least_seconds: float) -> None:
        self._least_seconds = least_seconds
        self._next = time.monotonic() + least_seconds

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._next

    def do(self, what: Callable[[], None]) -> None:
        began = time.monotonic()
        what()
        taken = time.monotonic() - began
        self._next = time.monotonic() + max(self._least_seconds, taken / SHARE)


class TrainingWatch:
    """Called by a training with its progress.

    Raises:
        JobCancelled, LeaseLost, HandedOver: as the context's methods.
    """

    def __init__(self, context: JobContext, folder: Path, checkpoint_seconds: float) -> None:
        self._context = context
        self._folder = folder
        self._checkpoints = Pacer(checkpoint_seconds)
        self._sheets = Pacer(SHEET_SECONDS)

    def __call__(self, progress: BuildProgress) -> None:
        if progress.losses:
            self._context.report(progress.fraction, iteration=progress.step, losses=progress.losses)
        else:
            # A training that continues after a crash has been further already.
            self._context.advance(max(progress.fraction, self._context.progress.fraction))
        if self._context.stopping.is_set():
            self._hand_over(progress.run)
        if progress.run is not None:
            self._keep(progress.run)

    def _keep(self, run: Run) -> None:
        if self._checkpoints.due:
            self._checkpoints.do(lambda: self._store(run))
        if self._sheets.due and run.draw_samples is not None:
            self._sheets.do(lambda: self._show(run))

    def _store(self, run: Run | None) -> None:
        if run is not None:
            run.save()
        self._context.checkpoint((self._folder / CHECKPOINT).read_bytes())

    def _show(self, run: Run) -> None:
        if run.draw_samples is not None:
            self._context.preview(to_jpeg(run.draw_samples()))

    def _hand_over(self, run: Run | None) -> None:
        """If there is no checkpoint yet, another worker starts from the beginning."""
        if run is not None or (self._folder / CHECKPOINT).exists():
            self._store(run)
        raise HandedOver
