"""`pastiche distill`: a slim loss network that learns the features of larger ones."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from app.cli.failure import console
from app.cli.training_run import check_device, check_name, explained, follow, processes, read_descriptor, read_recipe
from app.nets.descriptor import Descriptor
from app.registry.descriptors import load_label, publish_descriptor
from app.settings import SHIPPED_MODELS
from app.training.distillation import (
    EXACT_LAYERS,
    Agreement,
    DistillRecipe,
    DistillTrainer,
    Teacher,
    compare,
    spoil,
    unit_teacher,
)
from app.training.layer_fit import fit
from app.training.photos import Photos, list_photos, read_picture, usable_pictures
from app.training.recipe import UnusableRecipe
from app.training.run import Run

# Photos over which the teacher's scale is taken, and the longer edge at which unseen photos are compared.
SCALE_PHOTOS = 8
COMPARED_EDGE = 320
# Salts the draw of the pictures that layers are fitted on: no retreat gets so far.
FIT_SALT = 4_000_000


def distill(
    photos: Annotated[Path, typer.Option(help="Folder of photos.", exists=True, file_okay=False)],
    exact: Annotated[Path, typer.Option(help="VGG-19, at least conv1_1 to conv3_4; safetensors.", exists=True)],
    deep: Annotated[Path, typer.Option(help="Network with heads for relu4_1 and relu5_1; safetensors.", exists=True)],
    run: Annotated[Path, typer.Option(help="Folder of this run; an existing run is continued.")],
    paintings: Annotated[
        Path | None, typer.Option(help="Folder of style images to learn from as well.", exists=True)
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the loss network.", callback=check_name)] = "slim",
    models: Annotated[Path, typer.Option(help="Model repository to publish in.")] = SHIPPED_MODELS,
    exclude: Annotated[
        Path | None,
        typer.Option(help="File with the names of photos to keep out of the training, one a line.", exists=True),
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="JSON file of recipe members.", exists=True)] = None,
    steps: Annotated[int | None, typer.Option(help="Total number of steps, also for a continued run.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step, over all processes.")] = None,
    base: Annotated[
        str | None, typer.Option(help="Loss network to start from, such as slim@2; in the repository.")
    ] = None,
    crop: Annotated[int | None, typer.Option(help="Edge of the training crops in pixels.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.", callback=check_device)] = "cpu",
) -> None:
    """Train a slim loss network and publish it. An interrupted run continues from its folder to the same result."""
    with explained("distill"):
        given = {"steps": steps, "base": base, "batch": batch, "crop": crop, "precision": precision}
        chosen = read_recipe(DistillRecipe, recipe, given)
        excluded = exclude.read_text().splitlines() if exclude else []
        unseen = usable_pictures(photos / file for file in excluded if (photos / file).is_file())
        paths = list_photos(photos, excluded) + (list_photos(paintings) if paintings else ())
        with processes(device) as place:
            pool = Photos(paths, 1, chosen)
            scale = torch.cat([pool.sample(step).photos for step in range(SCALE_PHOTOS)])
            published = read_descriptor(exact)
            teacher = unit_teacher(published.padded("reflect"), read_descriptor(deep), scale).to(place)
            trainer = DistillTrainer(chosen, teacher, pool, place)
            training_run = Run(run, trainer)
            if not training_run.begun:
                start(trainer, teacher, models)
            follow(training_run)
            if trainer.rank == 0:
                slim = trainer.averaged()
                pictures = [read_picture(path, COMPARED_EDGE).to(place) for path in unseen]
                agreements = agree(slim, teacher, pictures)
                framed = agree(slim, Teacher(published.to(place), teacher.deep, teacher.scales), pictures)
                manifest = publish_descriptor(
                    models,
                    name,
                    slim,
                    teachers=(exact.stem, deep.stem),
                    recipe=chosen.model_dump(mode="json"),
                    metrics={layer: vars(agreement) for layer, agreement in agreements.items()},
                    card=write_card(name, trainer, (exact.stem, deep.stem), len(unseen), agreements, framed),
                )
                console.print(f"Published {manifest.label} in {models}.")


def start(trainer: DistillTrainer, teacher: Teacher, models: Path) -> None:
    """From the base, where there is one, or from layers that are fitted one by one, or from random weights."""
    recipe = trainer.recipe
    if recipe.base is None:
        if recipe.fitted:
            trainer.start_from(fitted(trainer, teacher))
        return
    try:
        trainer.start_from(load_label(models, recipe.base))
    except ValueError as error:
        raise UnusableRecipe(f"{recipe.base} cannot be the base: {error}") from None


def fitted(trainer: DistillTrainer, teacher: Teacher) -> Descriptor:
    """The trainer's slim network, its layers fitted to the teacher's on pictures like those of the training."""
    recipe, random = trainer.recipe, torch.Generator().manual_seed(trainer.recipe.seed)
    steps = range(math.ceil(recipe.fitted / recipe.batch))
    drawn = (trainer.photos.sample(step, FIT_SALT).photos.to(trainer.device) for step in steps)
    slim = copy.deepcopy(trainer.student.slim).requires_grad_(False)
    if trainer.rank == 0:
        console.print(f"Fitting layer by layer on {len(steps) * recipe.batch} pictures.")
    fit(slim, teacher, [spoil(pictures, recipe.spoilt, random) for pictures in drawn], random)
    return slim


def agree(slim: Descriptor, teacher: Teacher, pictures: Sequence[Tensor]) -> dict[str, Agreement]:
    """Agreement on unseen pictures; none where there are too few to compare."""
    return compare(slim, teacher, pictures) if len(pictures) > 2 else {}


def write_card(
    name: str,
    trainer: DistillTrainer,
    teachers: tuple[str, ...],
    photos: int,
    agreements: dict[str, Agreement],
    framed: dict[str, Agreement],
) -> str:
    """The card; `framed` is the agreement with the exact layers as published, with a frame of zeros."""
    recipe = trainer.recipe
    values = sum(p.numel() for p in trainer.parameters.values())
    start = f"from `{recipe.base}` " if recipe.base else ""
    if recipe.fitted and not recipe.base:
        start = f"from layers fitted one after the other to the teachers' channels on {recipe.fitted} pictures "
    parts = [
        f"# {name}",
        f"A loss network of {values:,} values (widths {', '.join(map(str, recipe.widths))}, mirror padding), trained "
        f"{start}for {trainer.step} steps of {recipe.batch} crops of {recipe.crop} px to give the features of "
        f"{' and '.join(f'`{teacher}`' for teacher in teachers)} through one linear head a layer, on "
        f"{len(trainer.photos.paths)} photos and style images, a share of {recipe.spoilt:g} mixed with noise. The "
        f"teachers' features are scaled to unit variance, so losses in the papers' absolute units differ from VGG's.",
    ]
    if agreements:
        parts.append(
            f"On {photos} photos that the training never saw, at a longer edge of {COMPARED_EDGE} px: centred R^2 of "
            "the mapped features, and the rank correlation of the distances between the Grams of all pairs of photos "
            "(its own features against the teacher's). The exact layers were taught with mirrored borders, as this "
            "network has them; of the published ones, with their frame of zeros, it explains what the third column "
            "says."
        )
        zeros = {layer: f"{framed[layer].r2:.3f}" if layer in EXACT_LAYERS else "" for layer in agreements}
        rows = [f"| {layer} | {a.r2:.3f} | {zeros[layer]} | {a.gram_rank:.3f} |" for layer, a in agreements.items()]
        parts.append("\n".join(["| layer | R^2 | R^2, zeros around | Gram ranks |", "|---|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"
