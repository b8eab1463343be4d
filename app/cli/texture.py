"""`pastiche texture`: a style image's texture from noise alone, in any size; the image is learned first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from app.cli.failure import console
from app.cli.io_plan import STREAM, SUFFIXES, PlannedPicture
from app.cli.publish import publish_or_exit
from app.cli.train_add import folder_of
from app.cli.training_run import (
    check_device,
    check_name,
    explained,
    progress_bar,
    read_descriptor,
    read_recipe,
    stopped_by_signals,
)
from app.imaging.encode import encode
from app.imaging.picture import Picture
from app.model_builds.addition import sha256_of
from app.model_builds.full_training import FullTraining, train_full
from app.nets.noise import NOISES
from app.nets.texture import Texture
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.registry.error import InvalidModel
from app.registry.repository import Model, Repository, read_manifest
from app.settings import SHIPPED_MODELS
from app.style_id import style_id_of
from app.training.paintings import StyleImage
from app.training.recipe import Recipe, UnusableRecipe
from app.training.sheet import to_image

MAX_PIXELS = 8192  # along an edge
QUALITY = 90  # of formats that have one
# The defaults of `train full` are for photos, and for hours.
QUICK = {"architecture": "texture", "steps": 400, "batch": 1, "stroke": 256, "learning_rate": 1e-2, "average": 0.98}


def check_size(size: str) -> str:
    edges = [int(edge) for edge in re.findall(r"\d+", size)] if re.fullmatch(r"\d{1,5}x\d{1,5}", size) else []
    if not edges or not all(1 <= edge <= MAX_PIXELS for edge in edges):
        raise typer.BadParameter(f"a size is WIDTHxHEIGHT in pixels, each 1 to {MAX_PIXELS}, such as 1024x512.")
    return size


def check_output(output: Path) -> Path:
    if output.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"the file must end like one of {', '.join(SUFFIXES)}.")
    return output


def texture(
    source: Annotated[
        str,
        typer.Argument(metavar="PAINTING|MODEL", help="A style image, or a model of textures: name or name@version."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", callback=check_output)],
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT in pixels.", callback=check_size)] = "512x512",
    seed: Annotated[
        int, typer.Option(help="Seed of the noise: another seed gives another texture.", min=0, max=NOISES - 1)
    ] = 0,
    style: Annotated[str | None, typer.Option(help="Which texture, where the model has several.")] = None,
    models: Annotated[Path, typer.Option(help="Model repository to load from and publish in.")] = SHIPPED_MODELS,
    name: Annotated[str | None, typer.Option(help="Name of the model to train.", callback=check_name)] = None,
    steps: Annotated[int | None, typer.Option(help="Steps for which a style image is learned.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="JSON file of recipe members.", exists=True)] = None,
    descriptor: Annotated[
        Path | None,
        typer.Option(
            help="Loss network, a safetensors file; by default the one that ships.", exists=True, dir_okay=False
        ),
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Folder of the training, to continue it if it is stopped.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.", callback=check_device)] = "cpu",
) -> None:
    """Make a texture.

    A style image is learned first, which takes minutes, and published as the model texture-<its name>. From then on
    that model is used for the same image; a new --name learns it again. `pastiche train full --architecture texture`
    has all the options of a training.
    """
    stopped = (
        "Stopped. The same command continues the run." if run else "Stopped. With --run it could have been continued."
    )
    with explained("texture", stopped):
        if Path(source).is_file():
            work = painting_of(Path(source))
            name = name or f"texture-{work.id.replace('_', '-')}"[:64].rstrip("-")
            model = learned(models, name, work)
            if model is None:
                chosen = read_recipe(Recipe, recipe, {"steps": steps}, QUICK)
                model = learn(models, full_training_of(name, work, chosen, descriptor, torch.device(device)), run)
        else:
            model = Repository(models).load(source)
        width, height = map(int, size.split("x"))
        painted = paint(model, row_of(model, style), width, height, seed)
        format = SUFFIXES[output.suffix.lower()]
        PlannedPicture(STREAM, output, format).write(encode(painted, format, QUALITY))
        console.print(f"{model.manifest.label} -> {output}")


def painting_of(path: Path) -> StyleImage:
    """Raises InvalidOption: no id can be made from the file's name."""
    return StyleImage(style_id_of(path.stem), path, path.stem.replace("_", " ").capitalize(), None, None, None)


def learned(models: Path, name: str, work: StyleImage) -> Model | None:
    """The newest version of `name` that was learned from exactly that image. Raises InvalidModel."""
    repository = Repository(models)
    for version in reversed(repository.versions(name)):
        manifest = read_manifest(models / name / str(version))
        if manifest.architecture.name == "texture" and manifest.metrics.get("paintings") == sha256_of((work,)):
            return repository.load(manifest.label)
    return None


def full_training_of(
    name: str, work: StyleImage, recipe: Recipe, descriptor: Path | None, device: torch.device
) -> FullTraining:
    """The training. Raises UnknownLayout, InvalidModel."""
    if recipe.architecture != "texture":
        raise UnusableRecipe(f"{recipe.architecture} makes no textures.")
    network = read_descriptor(descriptor) if descriptor else load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR)
    return FullTraining(
        name, (work,), network, descriptor.stem if descriptor else SHIPPED_DESCRIPTOR, recipe, device=device
    )


def learn(models: Path, training: FullTraining, run: Path | None) -> Model:
    """Train and publish it."""
    with folder_of(run) as folder, stopped_by_signals() as stop, progress_bar() as watch:
        candidate = train_full(training, folder, watch, stop)
    assert candidate is not None  # one process trains
    publish_or_exit(candidate, models, "texture", force=True)
    return Repository(models).load(training.name)


def row_of(model: Model, style: str | None) -> int:
    """Of the style, or the first. Raises InvalidModel: it is no model of textures, or has no such style."""
    label, ids = model.manifest.label, model.manifest.style_ids
    if not isinstance(model.generator, Texture):
        raise InvalidModel(f"{label} makes no textures; `pastiche train full --architecture texture` trains what does.")
    if style is not None and style not in ids:
        raise InvalidModel(f"{label} has no style {style}. It has {', '.join(ids)}.")
    return 0 if style is None else ids.index(style)


@torch.inference_mode()
def paint(model: Model, row: int, width: int, height: int, seed: int) -> Picture:
    canvas = torch.zeros(1, 3, height, width)
    painted = model.generator(canvas, *model.rows(torch.tensor([row])), torch.tensor([seed]))
    return Picture(np.array(to_image(painted)))
