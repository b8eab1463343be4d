"""What the training commands share: the recipe's file, the processes, signals and the progress bar."""

from __future__ import annotations

import json
import os
import signal
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from types import FrameType
from typing import TypeVar

import torch
import torch.distributed as dist
import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from safetensors import SafetensorError
from safetensors.torch import load_file

from app.cli.failure import INTERRUPTED, console, give_up
from app.errors import InvalidOption
from app.model_builds.addition import UnusableAddition
from app.model_builds.progress import BuildProgress, Stop, TrainingStopped, Watch, train_to_the_end
from app.nets.descriptor import Descriptor, UnknownLayout, load_descriptor
from app.registry.error import InvalidModel
from app.registry.manifest import ModelName
from app.training.objective import MissingLayer
from app.training.paintings import UnusablePaintings
from app.training.photos import NoPhotos, UnreadablePicture
from app.training.recipe import Schedule, UnusableRecipe
from app.training.run import Run, UnusableRun
from app.training.style_views import OtherViews
from app.training.trainer import TrainingDiverged, UnevenBatch

AnySchedule = TypeVar("AnySchedule", bound=Schedule)

SHOWN_STEPS = 50
# How often a log file, where a bar would be of no use, gets a line.
REPORTED_STEPS = 100


EXPECTED = (
    InvalidModel,
    InvalidOption,
    MissingLayer,
    NoPhotos,
    OSError,
    OtherViews,
    TrainingDiverged,
    UnevenBatch,
    UnknownLayout,
    UnreadablePicture,
    UnusableAddition,
    UnusablePaintings,
    UnusableRecipe,
    UnusableRun,
)


@contextmanager
def explained(command: str, stopped: str = "Stopped. The same command continues the run.") -> Iterator[None]:
    """End the command with a sentence for errors that its user can fix: exit code 1, or 130 if it was stopped."""
    try:
        yield
    except (TrainingStopped, KeyboardInterrupt):
        console.print(stopped)
        raise typer.Exit(INTERRUPTED) from None
    except EXPECTED as error:
        give_up(command, str(error))


def check_device(device: str) -> str:
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device):
        raise typer.BadParameter(f"This machine has no device {device}.")
    return device


def check_name(name: str | None) -> str | None:
    try:
        return TypeAdapter[str | None](ModelName | None).validate_python(name)
    except ValidationError:
        raise typer.BadParameter("a model's name is made of lower-case letters, digits and single hyphens.") from None


@contextmanager
def stopped_by_signals() -> Iterator[Stop]:
    """Ctrl-C and SIGTERM end the training after the step that is under way, a second one ends it at once."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_recipe(
    kind: type[AnySchedule], path: Path | None, given: Mapping[str, object], usual: Mapping[str, object] | None = None
) -> AnySchedule:
    """The recipe of a file, overridden by what the command line gives; `usual` is what neither of them says.

    Raises:
        UnusableRecipe: with a reason for every member that cannot be used.
    """
    try:
        members = json.loads(path.read_text()) if path else {}
    except ValueError as error:
        raise UnusableRecipe(f"{path} is not valid JSON: {error}.") from None
    if not isinstance(members, dict):
        raise UnusableRecipe(f"{path} is not a JSON object.")
    try:
        members = dict(usual or {}) | members
        return kind.model_validate(members | {name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise UnusableRecipe(reasons(error)) from None


def reasons(error: ValidationError) -> str:
    """A sentence with a reason for every member that cannot be used."""
    parts = (": ".join([*(str(part) for part in e["loc"]), e["msg"]]) for e in error.errors())
    return f"The recipe is not usable ({'; '.join(parts)})."


@contextmanager
def processes(device: str) -> Iterator[torch.device]:
    """The device of this process; under torchrun, joined with the other processes."""
    if "RANK" not in os.environ:
        yield torch.device(device)
        return
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield torch.device(device, int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device(device)
    finally:
        dist.destroy_process_group()


def read_descriptor(path: Path) -> Descriptor:
    try:
        return load_descriptor(load_file(path))
    except SafetensorError as error:
        raise UnknownLayout(f"{path} is not a safetensors file ({error}).") from None


def follow(run: Run) -> None:
    """Train to the end with a progress bar. Raises TrainingStopped: a signal ended it before; the run is saved."""
    with stopped_by_signals() as stop, progress_bar() as watch:
        train_to_the_end(run, watch, stop)


@contextmanager
def progress_bar() -> Iterator[Watch]:
    """A bar with the mean losses of the last steps; lines of a log where nobody sees a bar."""
    first = not dist.is_initialized() or dist.get_rank() == 0
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=console, disable=not first or not console.is_terminal) as bar:
        yield Display(bar) if first else ignore


def ignore(_progress: BuildProgress) -> None:
    pass


class Display:
    """Shows the progress of one training on the terminal."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar
        self.task: TaskID | None = None
        self.last: deque[Mapping[str, float]] = deque(maxlen=SHOWN_STEPS)

    def __call__(self, progress: BuildProgress) -> None:
        if progress.stage != "train":
            return
        if self.task is None:
            self.task = self.begin(progress)
        self.last.append(progress.losses)
        self.bar.update(self.task, completed=progress.step, description=describe(self.last))
        if not console.is_terminal and progress.step % REPORTED_STEPS == 0:
            console.print(f"step {progress.step}  {describe(self.last)}")

    def begin(self, progress: BuildProgress) -> TaskID:
        if progress.step > 1 and progress.run:
            console.print(f"Continuing {progress.run.folder} after step {progress.step - 1}.")
        return self.bar.add_task("", total=progress.steps)


def describe(steps: deque[Mapping[str, float]]) -> str:
    return "  ".join(f"{name} {fmean(losses[name] for losses in steps):.4f}" for name in steps[-1])
