"""`pastiche train`: photos and paintings in, a model version out."""

from __future__ import annotations

import json
import os
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import torch
import torch.distributed as dist
import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError
from safetensors.torch import load_file

from app.cli.complaint import complain, console
from app.cli.release import PREVIEW_EDGE, Extras, release
from app.nets.descriptor import Descriptor, UnknownLayout, load_descriptor
from app.registry.manifest import ModelName
from app.registry.repository import InvalidModel
from app.settings import SHIPPED_MODELS
from app.training.objective import MissingLayer, Objective
from app.training.paintings import Painting, UnusablePaintings, list_paintings
from app.training.photos import NoPhotos, Photos, UnreadablePicture, list_photos, read_picture, usable_pictures
from app.training.recipe import Recipe
from app.training.run import Run, UnusableRun
from app.training.trainer import Step, Trainer, TrainingDiverged, UnevenBatch


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
SHOWN_STEPS = 50
SAMPLES = 4
SAMPLE_EDGE = 384


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


def train(
    photos: Annotated[Path, typer.Option(help="Folder of photos.", exists=True, file_okay=False)],
    paintings: Annotated[
        Path, typer.Option(help="Folder of style pictures; file stems become style ids.", exists=True, file_okay=False)
    ],
    descriptor: Annotated[Path, typer.Option(help="Loss network, a safetensors file.", exists=True, dir_okay=False)],
    run: Annotated[Path, typer.Option(help="Folder of this run; a run that is there is continued.")],
    name: Annotated[str, typer.Option(help="Name of the model.", callback=check_name)] = "compact",
    models: Annotated[Path, typer.Option(help="Model repository to publish in.")] = SHIPPED_MODELS,
    style: Annotated[list[str] | None, typer.Option(help="Only this style; can be given several times.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the paintings, where styles.csv has none.")] = None,
    exclude: Annotated[
        Path | None, typer.Option(help="File names of photos kept out of the training, a line each.", exists=True)
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="JSON file of recipe members.", exists=True)] = None,
    architecture: Annotated[str | None, typer.Option(help="compact or paper.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all, also when a run is continued.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures a step, over all processes.")] = None,
    crop: Annotated[int | None, typer.Option(help="Edge of the training crops in pixels.")] = None,
    stroke: Annotated[int | None, typer.Option(help="Longer edge of the paintings in pixels.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights and photos.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.", callback=check_device)] = "cpu",
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the networks; wants a C++ compiler.")] = False,
    preview: Annotated[
        Path | None, typer.Option(help="Photo for the previews; it must be yours to publish.", exists=True)
    ] = None,
    checkpoint_seconds: Annotated[float, typer.Option(help="How often the state is saved.", min=0)] = 120,
    notes: Annotated[Path | None, typer.Option(help="Markdown to go into the card.", exists=True)] = None,
    publish: Annotated[bool, typer.Option(help="Publish a version at the end.")] = True,
) -> None:
    """Train a model and publish it. An interrupted run continues from its folder to the same result.

    With several processes: torchrun --nproc-per-node 2 -m app.cli -- train ...
    """
    given = {
        "architecture": architecture,
        "steps": steps,
        "batch": batch,
        "crop": crop,
        "stroke": stroke,
        "seed": seed,
        "precision": precision,
    }
    try:
        chosen = read_recipe(recipe, given)
        works = list_paintings(paintings, style or [], licence)
        excluded = exclude.read_text().splitlines() if exclude else []
        unseen = usable_pictures(photos / file for file in excluded if (photos / file).is_file())
        paths = list_photos(photos, excluded)
        # Read now what is needed at the end: hours later is a bad time to learn that it cannot be read.
        photo = read_picture(preview, PREVIEW_EDGE) if preview else None
        extras = Extras(photo, notes.read_text() if notes else "")
        with processes(device) as place:
            trainer = build_trainer(chosen, works, paths, read_descriptor(descriptor), place, compiled)
            samples = [read_picture(path, SAMPLE_EDGE) for path in (unseen or paths)[:SAMPLES]]
            with stopped_by_signals(trainer):
                follow(Run(run, trainer, samples, checkpoint_seconds=checkpoint_seconds))
            if trainer.step < chosen.steps:
                raise KeyboardInterrupt
            if publish and trainer.rank == 0:
                manifest = release(trainer, works, unseen, models, name, descriptor.stem, extras)
                console.print(f"Published {manifest.label} in {models}.")
    except KeyboardInterrupt:
        console.print("Stopped. The same command continues the run.")
        raise typer.Exit(130) from None
    except EXPECTED as error:
        complain("train", str(error))
        raise typer.Exit(1) from None


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


def read_recipe(path: Path | None, given: dict[str, Any]) -> Recipe:
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
        return Recipe.model_validate(members | {name: value for name, value in given.items() if value is not None})
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


def build_trainer(
    recipe: Recipe,
    works: tuple[Painting, ...],
    photos: tuple[Path, ...],
    descriptor: Descriptor,
    device: torch.device,
    compiled: bool,
) -> Trainer:
    """Everything of a training but its folder."""
    if unknown := sorted(recipe.style_weights.keys() - {work.id for work in works}):
        raise UnusableRecipe(f"The recipe weighs a style that is no painting here: {', '.join(unknown)}.")
    weights = [recipe.style_weights.get(work.id, 1.0) for work in works]
    targets = [read_picture(work.path, recipe.stroke) for work in works]
    objective = Objective(descriptor, targets, weights, recipe)
    trainer = Trainer(recipe, tuple(work.id for work in works), objective, Photos(photos, len(works), recipe), device)
    if compiled:
        trainer.generator.compile()
        trainer.objective.compile()
    return trainer


def follow(run: Run) -> None:
    """Train to the end with a progress bar that shows the mean losses of the last steps."""
    if run.resume():
        console.print(f"Continuing {run.folder} after step {run.trainer.step}.")
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    last: deque[Step] = deque(maxlen=SHOWN_STEPS)
    with Progress(*columns, console=console, disable=run.trainer.rank > 0) as progress:
        task = progress.add_task("", total=run.trainer.recipe.steps, completed=run.trainer.step)
        for step in run.steps():
            last.append(step)
            progress.update(task, completed=step.step, description=describe(last))


def describe(steps: deque[Step]) -> str:
    means = {part: sum(getattr(step, part) for step in steps) / len(steps) for part in ("total", "style", "content")}
    return "  ".join(f"{part} {value:.4f}" for part, value in means.items())
