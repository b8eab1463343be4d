"""The `pastiche` command, a module for each of its commands."""

from __future__ import annotations

import typer

from app import __version__
from app.cli.train import train

cli = typer.Typer(
    name="pastiche",
    help="Neural style transfer: serve it, paint with it, train it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.command()(train)


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    cli()
