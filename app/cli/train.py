"""`pastiche train`: photos and style images in, a model version out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.publish import publish_or_exit
from app.cli.train_add import add
from app.cli.train_encoder import encoder
from app.cli.training_run import (
    check_device,
    check_name,
    explained,
    processes,
    progress_bar,
    read_descriptor,
    read_recipe,
    stopped_by_signals,
)
from app.model_builds.candidate import Candidate
from app.model_builds.full_training import FullTraining, learn, train_full
from app.model_builds.previews import preview_photo
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS
from app.training.paintings import list_paintings
from app.training.photos import list_photos, usable_pictures
from app.training.recipe import Recipe

train = typer.Typer(help="Train a whole model, or add a style to one.", no_args_is_help=True)
train.command()(add)
train.command()(encoder)


@train.command()
def full(
    paintings: Annotated[
        Path, typer.Option(help="Folder of style images; file stems become style ids.", exists=True, file_okay=False)
    ],
    run: Annotated[Path, typer.Option(help="Folder of this run; an existing run is continued.")],
    photos: Annotated[
        Path | None,
        typer.Option(help="Folder of photos; by default the built-in pictures.", exists=True, file_okay=False),
    ] = None,
    descriptor: Annotated[
        Path | None,
        typer.Option(
            help="Loss network, a safetensors file; by default the one that ships.", exists=True, dir_okay=False
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the model; by default its architecture's.", callback=check_name)
    ] = None,
    models: Annotated[Path, typer.Option(help="Model repository to publish in.")] = SHIPPED_MODELS,
    style: Annotated[list[str] | None, typer.Option(help="Only this style; may be given several times.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the style images, where styles.csv has none.")] = None,
    exclude: Annotated[
        Path | None,
        typer.Option(help="File with the names of photos to keep out of the training, one a line.", exists=True),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="JSON file of recipe members.", exists=True)] = None,
    architecture: Annotated[
        str | None, typer.Option(help="compact, johnson, paper, texture (from noise alone) or ulyanov.")
    ] = None,
    norm: Annotated[str | None, typer.Option(help="instance, or batch: one style, and a batch of 4 at least.")] = None,
    steps: Annotated[int | None, typer.Option(help="Total number of steps, also for a continued run.")] = None,
    base: Annotated[str | None, typer.Option(help="Model to start from, such as compact@1; in the repository.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, over all processes.")] = None,
    crop: Annotated[int | None, typer.Option(help="Edge of the training crops in pixels.")] = None,
    stroke: Annotated[int | None, typer.Option(help="Longer edge of the style images in pixels.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights and photos.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.", callback=check_device)] = "cpu",
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the networks; needs a C++ compiler.")] = False,
    preview: Annotated[
        Path | None,
        typer.Option(
            help="Photo for the previews; you must have the right to publish it. By default one that ships.",
            exists=True,
        ),
    ] = None,
    checkpoint_seconds: Annotated[float, typer.Option(help="Seconds between two checkpoints.", min=0)] = 120,
    notes: Annotated[Path | None, typer.Option(help="Markdown for the card.", exists=True)] = None,
    publish: Annotated[bool, typer.Option(help="Publish a version at the end.")] = True,
) -> None:
    """Train a model and publish it. An interrupted run continues from its folder to the same result.

    With several processes: torchrun --nproc-per-node 2 -m app.cli -- train full ...
    """
    given = {
        "architecture": architecture,
        "norm": norm,
        "base": base,
        "steps": steps,
        "batch": batch,
        "crop": crop,
        "stroke": stroke,
        "seed": seed,
        "precision": precision,
    }
    with explained("train full"):
        chosen = read_recipe(Recipe, recipe, given)
        works = list_paintings(paintings, style or [], licence)
        excluded = exclude.read_text().splitlines() if exclude else []
        with processes(device) as place:
            training = FullTraining(
                name or chosen.architecture,
                works,
                read_descriptor(descriptor) if descriptor else load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR),
                descriptor.stem if descriptor else SHIPPED_DESCRIPTOR,
                chosen,
                photos=list_photos(photos, excluded) if photos else (),
                unseen=unseen_photos(photos, excluded),
                base=Repository(models).load(chosen.base) if chosen.base else None,
                # Read now what is needed at the end: hours later is a bad time to find that it cannot be read.
                preview=preview_photo(preview),
                notes=notes.read_text() if notes else "",
                device=place,
                compiled=compiled,
                checkpoint_seconds=checkpoint_seconds,
            )
            candidate = carry(training, run, publish)
        if candidate:
            publish_or_exit(candidate, models, "train full", force=True)


def unseen_photos(photos: Path | None, excluded: list[str]) -> tuple[Path, ...]:
    return usable_pictures(photos / file for file in excluded if (photos / file).is_file()) if photos else ()


def carry(training: FullTraining, run: Path, publish: bool) -> Candidate | None:
    """Train to the end with a progress bar."""
    with stopped_by_signals() as stop, progress_bar() as watch:
        if publish:
            return train_full(training, run, watch, stop)
        learn(training, run, watch, stop)
        return None
