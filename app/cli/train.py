"""`pastiche train`: photos and paintings in, a model version out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from app.cli.complaint import console
from app.cli.course import (
    UnusableRecipe,
    check_device,
    check_name,
    explained,
    follow,
    processes,
    read_descriptor,
    read_recipe,
)
from app.cli.release import PREVIEW_EDGE, Extras, release
from app.nets.descriptor import Descriptor
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.objective import Objective
from app.training.paintings import Painting, list_paintings
from app.training.photos import Photos, list_photos, read_picture, usable_pictures
from app.training.recipe import Recipe
from app.training.run import Run
from app.training.sheet import draw_sheet
from app.training.style_trainer import StyleTrainer

SAMPLES = 4
SAMPLE_EDGE = 384


def train(
    photos: Annotated[Path, typer.Option(help="Folder of photos.", exists=True, file_okay=False)],
    paintings: Annotated[
        Path, typer.Option(help="Folder of style pictures; file stems become style ids.", exists=True, file_okay=False)
    ],
    run: Annotated[Path, typer.Option(help="Folder of this run; a run that is there is continued.")],
    descriptor: Annotated[
        Path | None, typer.Option(help="Loss network, a safetensors file; ours else.", exists=True, dir_okay=False)
    ] = None,
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
    base: Annotated[str | None, typer.Option(help="Model to start from, such as compact@1; in the repository.")] = None,
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
        "base": base,
        "steps": steps,
        "batch": batch,
        "crop": crop,
        "stroke": stroke,
        "seed": seed,
        "precision": precision,
    }
    with explained("train"):
        chosen = read_recipe(Recipe, recipe, given)
        works = list_paintings(paintings, style or [], licence)
        excluded = exclude.read_text().splitlines() if exclude else []
        unseen = usable_pictures(photos / file for file in excluded if (photos / file).is_file())
        paths = list_photos(photos, excluded)
        # Read now what is needed at the end: hours later is a bad time to learn that it cannot be read.
        photo = read_picture(preview, PREVIEW_EDGE) if preview else None
        extras = Extras(photo, notes.read_text() if notes else "")
        loss_network = read_descriptor(descriptor) if descriptor else load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR)
        loss_network_name = descriptor.stem if descriptor else SHIPPED_DESCRIPTOR
        with processes(device) as place:
            trainer = build_trainer(chosen, works, paths, loss_network, place, compiled)
            if chosen.base:
                start_from(trainer, Repository(models).load(chosen.base))
            samples = [read_picture(path, SAMPLE_EDGE) for path in (unseen or paths)[:SAMPLES]]
            follow(
                Run(
                    run,
                    trainer,
                    lambda: draw_sheet(*trainer.averaged(), samples),
                    checkpoint_seconds=checkpoint_seconds,
                )
            )
            if publish and trainer.rank == 0:
                manifest = release(trainer, works, unseen, models, name, loss_network_name, extras)
                console.print(f"Published {manifest.label} in {models}.")


def start_from(trainer: StyleTrainer, base: Model) -> None:
    try:
        trainer.start_from(base.generator, base.rows, base.manifest.style_ids)
    except ValueError as error:
        raise UnusableRecipe(f"{base.manifest.label} cannot be the base: {error}") from None


def build_trainer(
    recipe: Recipe,
    works: tuple[Painting, ...],
    photos: tuple[Path, ...],
    descriptor: Descriptor,
    device: torch.device,
    compiled: bool,
) -> StyleTrainer:
    """Everything of a training but its folder."""
    if unknown := sorted(recipe.style_weights.keys() - {work.id for work in works}):
        raise UnusableRecipe(f"The recipe weighs a style that is no painting here: {', '.join(unknown)}.")
    weights = [recipe.style_weights.get(work.id, 1.0) for work in works]
    targets = [read_picture(work.path, recipe.stroke) for work in works]
    objective = Objective(descriptor, targets, weights, recipe)
    styles = tuple(work.id for work in works)
    trainer = StyleTrainer(recipe, styles, objective, Photos(photos, len(works), recipe), device)
    if compiled:
        trainer.generator.compile()
        trainer.objective.compile()
    return trainer
