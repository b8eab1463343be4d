"""`pastiche migrate`: the database of the jobs gets the tables of this version."""

from __future__ import annotations

from contextlib import closing

import typer

from app.cli.failure import complain
from app.errors import LedgerUnavailable
from app.settings import SettingsError, load_settings

NOT_NOW = 1
MISCONFIGURED = 2


def migrate() -> None:
    """Bring the database of the jobs up to date. Safe to run again, and by several at once.

    Exits with 2 if a setting is bad, with 1 if the database cannot be reached or is of a later version.
    """
    from app.jobs.dispatch import Dispatch, QueueUnavailable
    from app.sql.database import Database
    from app.sql.migration import SchemaOutdated
    from app.sql.migration import migrate as run  # here, since no other command needs the database's packages

    try:
        settings = load_settings()
        with closing(Database(settings.ledger_url)) as database, closing(Dispatch(settings)) as queue:
            before, after = run(database, queue.create)
    except SettingsError as error:
        complain("migrate", str(error))
        raise typer.Exit(MISCONFIGURED) from None
    except (SchemaOutdated, LedgerUnavailable, QueueUnavailable) as error:
        complain("migrate", str(error) or "The queue of the jobs cannot be reached.")
        raise typer.Exit(NOT_NOW) from None
    typer.echo(f"The database is up to date at {after}." if before == after else f"{before or 'empty'} -> {after}")
