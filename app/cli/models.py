"""`pastiche models`: list, verify, activate and export model versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.failure import complain, give_up
from app.cli.fleet import fleet
from app.model_store.version import VersionState, version_served
from app.registry.descriptors import load_label, networks, numbered_networks
from app.registry.encoders import encoders, load_encoder, numbered_encoders
from app.registry.error import InvalidModel
from app.registry.label import label_of, parse_label
from app.registry.repository import read_manifest

if TYPE_CHECKING:
    from app.model_store.store import ModelStore

BY = "command line"

models = typer.Typer(help="Model versions: those that ship and those made since.", no_args_is_help=True)

ModelsDir = Annotated[
    Path | None,
    typer.Option("--models-dir", help="Use this folder of models only.", exists=True, file_okay=False),
]
Reference = Annotated[
    str, typer.Argument(metavar="NAME[@VERSION]", help="Without a version, the one that is served.", show_default=False)
]


@models.command("list")
def list_models(models_dir: ModelsDir = None) -> None:
    """List the versions, one a line: name@version, date, ready or candidate, active or not, styles.

    Until one of a model is activated, the newest that shipped is the active one. Exits with 1 if a manifest cannot be
    read or the database cannot be reached.
    """
    broken = False
    with fleet("models list", models_dir) as (model_store, shipped):
        for name in model_store.names():
            versions = model_store.versions(name)
            active = version_served(versions)
            for state in versions:
                try:
                    typer.echo(line(state, shipped, active=state.version == active))
                except InvalidModel as error:
                    complain("models list", str(error))
                    broken = True
    raise typer.Exit(broken)


@models.command()
def verify(
    references: Annotated[
        list[str] | None,
        typer.Argument(help="Models, loss networks, encoders as name or name@version; every version if none is given."),
    ] = None,
    models_dir: ModelsDir = None,
) -> None:
    """Load versions and check every file, name, shape and value, and their output; networks beside them likewise.

    Exits with 1 if any is not valid.
    """
    invalid = False
    with fleet("models verify", models_dir) as (model_store, shipped):
        every = [*(state.label for state in states(model_store)), *networks(shipped), *encoders(shipped)]
        if not every:
            raise InvalidModel(f"There is no model in {shipped}.")
        for reference in references or every:
            try:
                typer.echo(f"{verified(model_store, shipped, reference)} is valid.")
            except InvalidModel as error:
                complain("models verify", str(error))
                invalid = True
    raise typer.Exit(invalid)


@models.command()
def activate(
    reference: Annotated[str, typer.Argument(metavar="NAME@VERSION", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Activate a candidate, too; this is recorded.")] = False,
) -> None:
    """Make every replica serve this version within a second or two; name an older one to go back.

    Exits with 1 if there is none, or it is a candidate or broken.
    """
    with fleet("models activate", to_change=True) as (model_store, _):
        name, version = parse_label(reference)
        if version is None:
            raise InvalidModel(f"Name a version: {name}@1, for one.")
        forced = model_store.activate(name, version, by=BY, force=force).forced
        typer.echo(f"{reference} is active{', although it is a candidate' if forced else ''}.")


@models.command()
def export(
    reference: Reference,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", dir_okay=False)],
    models_dir: ModelsDir = None,
) -> None:
    """Export a model as ONNX, for images of any size and number, with the rows of the styles as further inputs.

    `picture` (batch, 3, height, width) is sRGB in 0..1, `painting` likewise. `gamma` and `beta` (batch, features) are
    rows of the tensors `rows.gamma` and `rows.beta` in the version's model.safetensors, in the order of its styles, or
    weighted sums of them. Exits with 1 if the model cannot be loaded or the packages of the extra `export` are missing.
    """
    from app.model_builds.onnx_export import ExportUnavailable, export_onnx

    with fleet("models export", models_dir) as (model_store, _):
        model = model_store.load(reference)
        try:
            export_onnx(model.generator, output)
        except (ExportUnavailable, OSError) as error:
            give_up("models export", str(error))
        typer.echo(f"{model.manifest.label} -> {output}; its rows: {model.folder / 'model.safetensors'}")


def states(model_store: ModelStore) -> Iterator[VersionState]:
    for name in model_store.names():
        yield from model_store.versions(name)


def line(state: VersionState, shipped: Path, *, active: bool) -> str:
    """Raises InvalidModel: the manifest of a shipped version cannot be read."""
    from app.model_store.store import GOLDEN

    # Not downloaded for that: the golden pictures are by their styles.
    styles = list(state.report.get(GOLDEN, ()))
    if state.shipped:
        styles = list(read_manifest(shipped / state.name / str(state.version)).style_ids)
    created = f"{state.created_at:%Y-%m-%d}" if state.created_at else "-"
    shown = "active" if active else "-"
    return f"{state.label:<28} {created:<10}  {state.status:<9}  {shown:<6}  {' '.join(styles)}"


def verified(model_store: ModelStore, shipped: Path, reference: str) -> str:
    """The label of a model, a loss network or an encoder that is as it should be. Raises InvalidModel."""
    from app.model_store.golden import check_golden, golden_stylizer

    name, version = parse_label(reference)
    if numbers := numbered_networks(shipped, name):
        label = label_of(name, version or numbers[-1])
        load_label(shipped, label)
        return label
    if numbers := numbered_encoders(shipped, name):
        return load_encoder(shipped / name / str(version or numbers[-1])).manifest.label
    model = model_store.load(reference)
    check_golden(golden_stylizer(model))
    return model.manifest.label
