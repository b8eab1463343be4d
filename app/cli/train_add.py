"""`pastiche train add`: a style image in, a version with one more style out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import torch
import typer
from pydantic import TypeAdapter, ValidationError

from app.cli.failure import console
from app.cli.publish import publish_or_exit
from app.cli.training_run import check_device, explained, progress_bar, read_descriptor, reasons, stopped_by_signals
from app.model_builds.addition import Addition, add_styles, fitting_precision
from app.model_builds.previews import preview_photo
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.encoders import Encoder, MissingEncoder, find_encoder
from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.style_id import StyleId, style_id_of
from app.training.paintings import StyleImage
from app.training.recipe import UnusableRecipe, add_recipe


def check_id(style: str | None) -> str | None:
    try:
        return None if style is None else TypeAdapter[str](StyleId).validate_python(style)
    except ValidationError:
        raise typer.BadParameter("an id is made of lower-case letters, digits and single underscores.") from None


def add(
    painting: Annotated[Path, typer.Argument(help="The style image: JPEG, PNG or WebP.", exists=True, dir_okay=False)],
    title: Annotated[str, typer.Option(help="Title of the work; the style's id is made from it.")],
    artist: Annotated[str | None, typer.Option(help="Name of the artist.")] = None,
    year: Annotated[int | None, typer.Option(help="When.", min=-10_000, max=3000)] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the style image.")] = None,
    style_id: Annotated[str | None, typer.Option("--id", help="The style's id.", callback=check_id)] = None,
    model: Annotated[str, typer.Option(help="Model to add to, as name or name@version.")] = "compact",
    models: Annotated[Path, typer.Option(help="Model repository, of that model and to publish in.")] = SHIPPED_MODELS,
    photos: Annotated[
        Path | None,
        typer.Option(help="Folder of photos; by default the built-in pictures.", exists=True, file_okay=False),
    ] = None,
    exclude: Annotated[
        Path | None,
        typer.Option(help="File with the names of photos to keep out of the training, one a line.", exists=True),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the training.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes from beginning to end, in place of --steps.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    crop: Annotated[int | None, typer.Option(help="Edge of the training crops in pixels.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    content_weight: Annotated[
        float | None, typer.Option(help="Weight of the content loss: more keeps more of the photo.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="encoded, nearest or mean: the row to start from.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the photos.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16; by default the faster one.")] = None,
    descriptor: Annotated[
        Path | None,
        typer.Option(
            help="Loss network, a safetensors file; by default the one that ships.", exists=True, dir_okay=False
        ),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(
            help="Photo for the preview; you must have the right to publish it. By default one that ships.", exists=True
        ),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of this run, to continue it if it is stopped.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.", callback=check_device)] = "cpu",
    force: Annotated[bool, typer.Option("--force", help="Publish even if the gates are not passed.")] = False,
) -> None:
    """Add a style to a model and publish it as the next version. All other styles stay as they are, to the bit."""
    stopped = (
        "Stopped. The same command continues the run." if run else "Stopped. With --run it could have been continued."
    )
    with explained("train add", stopped):
        if steps is not None and minutes is not None:
            raise UnusableRecipe("Give steps or minutes, not both.")
        place = torch.device(device)
        base = Repository(models).load(model)
        given = {
            "steps": steps,
            "minutes": minutes,
            "batch": batch,
            "crop": crop,
            "learning_rate": learning_rate,
            "content_weight": content_weight,
            "start": start,
            "seed": seed,
            "precision": precision or fitting_precision(place),
        }
        try:
            recipe = add_recipe(base.manifest.recipe, given)
        except ValidationError as error:
            raise UnusableRecipe(reasons(error)) from None
        work = StyleImage(style_id or style_id_of(title), painting, title, artist, year, licence)
        addition = Addition(
            base,
            (work,),
            read_descriptor(descriptor) if descriptor else load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR),
            descriptor.stem if descriptor else SHIPPED_DESCRIPTOR,
            recipe,
            photos=photos,
            exclude=exclude.read_text().splitlines() if exclude else (),
            preview=preview_photo(preview),
            device=place,
            encoder=encoder_for(models, base),
        )
        with folder_of(run) as folder, stopped_by_signals() as stop, progress_bar() as watch:
            candidate = add_styles(addition, folder, watch, stop)
        console.print(f"{work.id}: begun from {candidate.manifest.additions[-1].styles[work.id].start}.")
        publish_or_exit(candidate, models, "train add", force=force)


def encoder_for(models: Path, base: Model) -> Encoder | None:
    """The style encoder for its generator, where there is one. Raises InvalidModel: it is broken."""
    with suppress(MissingEncoder):
        return find_encoder(models, base)
    return None


@contextmanager
def folder_of(run: Path | None) -> Iterator[Path]:
    """The run's folder, or a temporary one."""
    if run is not None:
        yield run
        return
    with tempfile.TemporaryDirectory(prefix="pastiche-") as folder:
        yield Path(folder)
