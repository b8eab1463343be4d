"""The `pastiche` command, a module for each of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from app import __version__
from app.cli.commands import Commands
from app.cli.failure import warn
from app.machine import give_memory_back
from app.settings import Settings, unknown_variables

cli = typer.Typer(
    name="pastiche",
    cls=Commands,
    help="Neural style transfer: serve it, stylize photos, train models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@cli.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Neural style transfer: serve it, stylize photos, train models."""


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    give_memory_back()
    for name, nearest in unknown_variables(Settings.model_fields):
        meant = f"did you mean {nearest}?" if nearest else "docs/configuration.md lists them."
        warn(f"{name} is not a setting; {meant}")
    cli()
