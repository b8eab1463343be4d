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
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError
from safetensors.torch import load_file

from app.cli.complaint import complain, console
from app.nets.descriptor import Descriptor, UnknownLayout, load_descriptor
from app.registry.manifest import ModelName
from app.registry.repository import InvalidModel
from app.training.objective import MissingLayer
from app.training.paintings import UnusablePaintings
from app.training.photos import NoPhotos, UnreadablePicture
from app.training.recipe import Schedule
from app.training.run import Run, UnusableRun
from app.training.trainer import Step, Trainer, TrainingDiverged, UnevenBatch

AnySchedule = TypeVar("AnySchedule", bound=Schedule)

SHOWN_STEPS = 50
# How often a log file, where a bar would be of no use, gets a line.
REPORTED_STEPS = 100


class UnusableRecipe(Exception):
    """The recipe has a member that is not known, or a value out of bounds."""


EXPECTED = (
    InvalidModel,
    MissingLayer,
    NoPhotos,
    OSError,
    TrainingDiverged,
    UnevenBatch,
    UnknownLayout,
    UnreadablePicture,
    UnusablePaintings,
    UnusableRecipe,
    UnusableRun,
)


@contextmanager
def explained(command: str) -> Iterator[None]:
    """Ends the command with a sentence where its user can do something about it: 1, or 130 where it was stopped."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("Stopped. The same command continues the run.")
        raise typer.Exit(130) from None
    except EXPECTED as error:
        complain(command, str(error))
        raise typer.Exit(1) from None


def check_device(device: str) -> str:
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device):
        raise typer.BadParameter(f"{device} is no device of this machine.")
    return device


def check_name(name: str) -> str:
    try:
        return TypeAdapter[str](ModelName).validate_python(name)
    except ValidationError:
        raise typer.BadParameter("a model's name is made of lower-case letters, digits and single hyphens.") from None


@contextmanager
def stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the training after the step that is under way, a second one ends it at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        trainer.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_recipe(kind: type[AnySchedule], path: Path | None, given: Mapping[str, object]) -> AnySchedule:
    """The recipe of a file, overridden by what the command line gives.

    Raises:
        UnusableRecipe: with a reason for every member that cannot be used.
    """
    try:
        members = json.loads(path.read_text()) if path else {}
    except ValueError as error:
        raise UnusableRecipe(f"{path} is no JSON: {error}.") from None
    if not isinstance(members, dict):
        raise UnusableRecipe(f"{path} is no JSON object.")
    try:
        return kind.model_validate(members | {name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        reasons = (": ".join([*(str(part) for part in e["loc"]), e["msg"]]) for e in error.errors())
        raise UnusableRecipe(f"The recipe is not usable ({'; '.join(reasons)}).") from None


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
        raise UnknownLayout(f"{path} is no safetensors file ({error}).") from None


def follow(run: Run) -> None:
    """Train to the end with a progress bar that shows the mean losses of the last steps.

    Raises:
        KeyboardInterrupt: a signal ended it before; the run is saved.
    """
    with stopped_by_signals(run.trainer):
        show(run)
    if run.trainer.step < run.trainer.recipe.steps:
        raise KeyboardInterrupt


def show(run: Run) -> None:
    if run.resume():
        console.print(f"Continuing {run.folder} after step {run.trainer.step}.")
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    last: deque[Step] = deque(maxlen=SHOWN_STEPS)
    with Progress(*columns, console=console, disable=run.trainer.rank > 0 or not console.is_terminal) as progress:
        task = progress.add_task("", total=run.trainer.recipe.steps, completed=run.trainer.step)
        for step in run.steps():
            last.append(step)
            progress.update(task, completed=step.step, description=describe(last))
            if not console.is_terminal and run.trainer.rank == 0 and step.step % REPORTED_STEPS == 0:
                console.print(f"step {step.step}  {describe(last)}")


def describe(steps: deque[Step]) -> str:
    return "  ".join(f"{name} {fmean(step.losses[name] for step in steps):.4f}" for name in steps[-1].losses)
