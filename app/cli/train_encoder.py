"""`pastiche train encoder`: style images and photos in, a network that gives the row of any style image out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.failure import console
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
from app.model_builds.encoder_training import (
    EncoderTraining,
    OtherEncoder,
    learned_in,
    published_encoder,
    train_encoder,
)
from app.model_builds.encoder_training import publish as publish_encoder
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS
from app.training.paintings import StyleImage, list_paintings
from app.training.photos import list_photos, usable_pictures
from app.training.recipe import EncoderRecipe, inherited


def encoder(
    base: Annotated[str, typer.Option(help="Model that it is for, such as compact@11; in the repository.")],
    paintings: Annotated[
        list[Path],
        typer.Option(help="Folder of style images; several times, for several.", exists=True, file_okay=False),
    ],
    run: Annotated[Path, typer.Option(help="Folder of this run; a run that is there is continued.")],
    photos: Annotated[
        Path | None, typer.Option(help="Folder of photos; the built-in pictures else.", exists=True, file_okay=False)
    ] = None,
    descriptor: Annotated[
        Path | None, typer.Option(help="Loss network, a safetensors file; ours else.", exists=True, dir_okay=False)
    ] = None,
    models: Annotated[Path, typer.Option(help="Model repository, of the base and to publish in.")] = SHIPPED_MODELS,
    exclude: Annotated[
        Path | None, typer.Option(help="File names of photos kept out of the training, a line each.", exists=True)
    ] = None,
    exclude_paintings: Annotated[
        Path | None, typer.Option(help="File names of style images kept out of it, a line each.", exists=True)
    ] = None,
    views: Annotated[
        Path | None, typer.Option(help="File of measured style images, made once; in the run's folder else.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Encoder to start from: such as compact-encoder@2 in the repository, or the folder of a run."
        ),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="JSON file of recipe members.", exists=True)] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all, also when a run is continued.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures a step, over all processes.")] = None,
    crop: Annotated[int | None, typer.Option(help="Edge of the training crops in pixels.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of weights, style images and photos.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.", callback=check_device)] = "cpu",
    checkpoint_seconds: Annotated[float, typer.Option(help="How often the state is saved.", min=0)] = 120,
    name: Annotated[
        str | None, typer.Option(help="Name of the encoder; the base's with -encoder else.", callback=check_name)
    ] = None,
    notes: Annotated[Path | None, typer.Option(help="Markdown to go into the card.", exists=True)] = None,
    publish: Annotated[bool, typer.Option(help="Publish a version at the end.")] = True,
) -> None:
    """Train a style encoder for a model and publish it. An interrupted run continues from its folder.

    What the recipe does not say is as in the model's own: stroke, layers and weights of the losses.
    """
    given = {
        "base": base,
        "steps": steps,
        "batch": batch,
        "crop": crop,
        "learning_rate": learning_rate,
        "seed": seed,
        "precision": precision,
    }
    with explained("train encoder"):
        model = Repository(models).load(base)
        chosen = read_recipe(EncoderRecipe, recipe, given, inherited(model.manifest.recipe))
        excluded = exclude.read_text().splitlines() if exclude else []
        kept_out = exclude_paintings.read_text().splitlines() if exclude_paintings else []
        works = [work for folder in paintings for work in list_paintings(folder)]
        with processes(device) as place, stopped_by_signals() as stop, progress_bar() as watch:
            training = EncoderTraining(
                model,
                tuple(work for work in works if work.path.name not in kept_out),
                load_published(models, SHIPPED_DESCRIPTOR),  # where it will be looked for with the encoder
                SHIPPED_DESCRIPTOR,
                read_descriptor(descriptor) if descriptor else load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR),
                descriptor.stem if descriptor else SHIPPED_DESCRIPTOR,
                chosen,
                photos=list_photos(photos, excluded) if photos else (),
                unseen=usable_pictures(photos / file for file in excluded if (photos / file).is_file())
                if photos
                else (),
                unseen_works=unseen_works(works, kept_out),
                views=views,
                notes=notes.read_text() if notes else "",
                start=encoder_to_start_from(start, models) if start else None,
                device=place,
                checkpoint_seconds=checkpoint_seconds,
            )
            trainer = train_encoder(training, run, watch, stop)
        if publish and not trainer.rank:
            manifest = publish_encoder(training, trainer, models, name or f"{model.manifest.name}-encoder")
            console.print(f"Published {manifest.label} in {models}.")


def encoder_to_start_from(start: str, models: Path) -> OtherEncoder:
    """Raises UnusableRun, InvalidModel: there is none."""
    run = Path(start)
    return learned_in(run, Repository(models)) if run.is_dir() else published_encoder(start, models)


def unseen_works(works: list[StyleImage], kept_out: list[str]) -> tuple[Path, ...]:
    return tuple(work.path for work in works if work.path.name in kept_out)
