"""`pastiche train`: photos and paintings in, a model version out."""

from __future__ import annotations

import json
import os
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.distributed as dist
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError
from safetensors.torch import load_file

from app.cli.release import release
from app.nets.descriptor import Descriptor, UnknownLayout, load_descriptor
from app.settings import SHIPPED_MODELS
from app.training.objective import Objective
from app.training.paintings import Painting, UnusablePaintings, list_paintings
from app.training.photos import NoPhotos, Photos, list_photos, read_picture
from app.training.recipe import Recipe
from app.training.run import OtherRecipe, Run
from app.training.trainer import Step, Trainer, TrainingDiverged

console = Console(stderr=True)

EXPECTED = (NoPhotos, UnusablePaintings, UnknownLayout, OtherRecipe, TrainingDiverged, SafetensorError, OSError)
SHOWN_STEPS = 50
SAMPLES = 4


def train(
    photos: Annotated[Path, typer.Option(help="Folder of photos.", exists=True, file_okay=False)],
    paintings: Annotated[
        Path, typer.Option(help="Folder of style pictures; file stems become style ids.", exists=True, file_okay=False)
    ],
    descriptor: Annotated[Path, typer.Option(help="Loss network, a safetensors file.", exists=True, dir_okay=False)],
    run: Annotated[Path, typer.Option(help="Folder of this run; a run that is there is continued.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "compact",
    models: Annotated[Path, typer.Option(help="Model repository to publish in.")] = SHIPPED_MODELS,
    style: Annotated[list[str] | None, typer.Option(help="Only this style; can be given several times.")] = None,
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
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the networks; wants a C++ compiler.")] = False,
    preview: Annotated[
        Path | None, typer.Option(help="Photo for the previews; it must be yours to publish.", exists=True)
    ] = None,
    notes: Annotated[Path | None, typer.Option(help="Markdown to go into the card.", exists=True)] = None,
    publish: Annotated[bool, typer.Option(help="Publish a version at the end.")] = True,
) -> None:
    """Train a model and publish it. An interrupted run continues from its folder to the same result."""
    given = {
        "architecture": architecture,
        "steps": steps,
        "batch": batch,
        "crop": crop,
        "stroke": stroke,
        "seed": seed,
        "precision": precision,
    }
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the run saves itself when it is interrupted
    try:
        chosen = read_recipe(recipe, given)
        works = list_paintings(paintings, style or [])
        excluded = exclude.read_text().split() if exclude else []
        unseen = [photos / file for file in excluded if (photos / file).exists()]
        paths = list_photos(photos, excluded)
        with processes(device) as place:
            trainer = build_trainer(chosen, works, paths, load_descriptor(load_file(descriptor)), place, compiled)
            samples = [read_picture(path, 384) for path in (unseen or paths)[:SAMPLES]]
            follow(Run(run, trainer, samples))
            if publish and trainer.rank == 0:
                manifest = release(trainer, works, unseen, models, name, descriptor.stem, preview, notes)
                console.print(f"Published {manifest.label} in {models}.")
    except KeyboardInterrupt:
        console.print("Stopped. The same command continues the run.")
        raise typer.Exit(130) from None
    except EXPECTED as error:
        raise typer.Exit(fail(str(error))) from None


def fail(sentence: str) -> int:
    console.print(f"pastiche train: {sentence}", style="red", highlight=False)
    return 1


def read_recipe(path: Path | None, given: dict[str, Any]) -> Recipe:
    """The recipe of a file, overridden by what the command line gives."""
    members = json.loads(path.read_text()) if path else {}
    members |= {name: value for name, value in given.items() if value is not None}
    try:
        return Recipe.model_validate(members)
    except ValidationError as error:
        reasons = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())
        raise typer.Exit(fail(f"the recipe is not usable ({reasons})")) from None


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


def build_trainer(
    recipe: Recipe,
    works: tuple[Painting, ...],
    photos: tuple[Path, ...],
    descriptor: Descriptor,
    device: torch.device,
    compiled: bool,
) -> Trainer:
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
