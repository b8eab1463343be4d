"""`pastiche serve`: the service, configured by options and environment variables."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from app.cli.failure import failures_told
from app.engine.memory import collector_paused
from app.registry.error import InvalidModel
from app.settings import load_settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (PASTICHE_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on (PASTICHE_PORT); 0 takes a free one.")
    ] = None,
    models_dir: Annotated[Path | None, typer.Option(help="Model repository (PASTICHE_MODELS_DIR).")] = None,
    models: Annotated[str | None, typer.Option(help="Models to load, separated by commas (PASTICHE_MODELS).")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps (PASTICHE_DEVICE).")] = None,
) -> None:
    """Serve until interrupted. Every setting is a PASTICHE_* variable; options override them.

    Exits with 0 after Ctrl-C, with 2 if a setting is bad, with 1 if a model is not valid or the jobs' database is
    another version's.
    """
    options = {"host": host, "port": port, "models_dir": models_dir, "models": models, "device": device}
    with failures_told("serve"):
        settings = load_settings(**{name: value for name, value in options.items() if value is not None})
    with collector_paused():
        from app.main import serve as run  # here, since no other command needs the web server's packages
        from app.sql.migration import SchemaOutdated

    # The server raises KeyboardInterrupt once all requests are answered; `make serve` would call it an error.
    with failures_told("serve", InvalidModel, SchemaOutdated), suppress(KeyboardInterrupt):
        run(settings)
