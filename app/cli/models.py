"""`pastiche models`: what the model repository holds, and whether it is what was published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from app.cli.complaint import complain
from app.registry.repository import InvalidModel, Repository, read_manifest
from app.settings import SettingsError, load_settings

models = typer.Typer(help="The models that are here.", no_args_is_help=True)

ModelsDir = Annotated[
    Path | None,
    typer.Option("--models-dir", help="Model repository; PASTICHE_MODELS_DIR.", exists=True, file_okay=False),
]


@models.command("list")
def list_models(models_dir: ModelsDir = None) -> None:
    """List the versions, a line each: name@version, the day it was made, its styles.

    Exits with 1 if a manifest cannot be read.
    """
    repository = open_repository(models_dir)
    broken = False
    for label in labels(repository):
        name, _, version = label.partition("@")
        try:
            manifest = read_manifest(repository.root / name / version)
        except InvalidModel as error:
            complain("models list", str(error))
            broken = True
            continue
        typer.echo(f"{label:<24} {manifest.created[:10]}  {' '.join(manifest.style_ids)}")
    raise typer.Exit(broken)


@models.command()
def verify(
    references: Annotated[
        list[str] | None, typer.Argument(help="Models as name or name@version; every version if none is given.")
    ] = None,
    models_dir: ModelsDir = None,
) -> None:
    """Load versions and check every file, name, shape and value. Exits with 1 if one must not be used."""
    repository = open_repository(models_dir)
    invalid = False
    wanted = references or list(labels(repository))
    if not wanted:
        complain("models verify", f"There is no model in {repository.root}.")
        raise typer.Exit(1)
    for reference in wanted:
        try:
            typer.echo(f"{repository.load(reference).manifest.label} is valid.")
        except InvalidModel as error:
            complain("models verify", str(error))
            invalid = True
    raise typer.Exit(invalid)


def open_repository(models_dir: Path | None) -> Repository:
    if models_dir is not None:
        return Repository(models_dir)
    try:
        return Repository(load_settings().models_dir)
    except SettingsError as error:
        complain("models", str(error))
        raise typer.Exit(2) from None


def labels(repository: Repository) -> Iterator[str]:
    for name in repository.names():
        for version in repository.versions(name):
            yield f"{name}@{version}"
