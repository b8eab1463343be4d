"""The model versions that a command works with: those of a folder, or those of the whole fleet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.failure import failures_told, give_up
from app.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from app.model_store.store import ModelStore


@contextmanager
def fleet(
    command: str, models_dir: Path | None = None, *, to_change: bool = False
) -> Iterator[tuple[ModelStore, Path]]:
    """The releases, and the folder of those that shipped. What goes wrong ends the command, with a sentence.

    Args:
        models_dir: use the versions in this folder only, without the database.
        to_change: create the embedded database if there is none yet.
    """
    from app.errors import PasticheError
    from app.model_store.store import open_shipped
    from app.registry.error import InvalidModel
    from app.sql.migration import SchemaOutdated

    with failures_told(command, InvalidModel, SchemaOutdated):
        try:
            settings = load_settings()
            opened = open_shipped(models_dir) if models_dir else open_fleet(settings, to_change)
            with closing(opened) as model_store:
                yield model_store, models_dir or settings.models_dir
        except PasticheError as error:
            give_up(command, " ".join([error.detail, *error.extra.get("reasons", ())]))


def open_fleet(settings: Settings, to_change: bool) -> ModelStore:
    """Raises SettingsError, SchemaOutdated, LedgerUnavailable."""
    from app.model_store.store import open_model_store, open_shipped
    from app.sql.database import Database
    from app.sql.migration import check_schema, prepare

    if not to_change and not has_database(settings):
        return open_shipped(settings.models_dir)
    try:
        with closing(Database(settings.ledger_url)) as database:
            (prepare if to_change else check_schema)(database)
        return open_model_store(settings)
    except (OSError, ModuleNotFoundError) as error:
        raise SettingsError(f"PASTICHE_DATA_DIR or PASTICHE_STORAGE_URL: {error}.") from error


def has_database(settings: Settings) -> bool:
    """An embedded one is made by the first that serves; a command that only looks makes none."""
    from sqlalchemy.engine import make_url

    url = make_url(settings.ledger_url)
    return url.get_backend_name() != "sqlite" or (url.database is not None and Path(url.database).exists())


def served(settings: Settings) -> ModelStore:
    """To paint with: the fleet's where there is a database, else those that shipped. Raises SettingsError."""
    from app.errors import LedgerUnavailable
    from app.model_store.store import open_shipped
    from app.sql.migration import SchemaOutdated

    try:
        return open_fleet(settings, to_change=False)
    except (LedgerUnavailable, SchemaOutdated):
        return open_shipped(settings.models_dir)
