"""`pastiche migrate`: create or update the tables of the jobs' database."""

from __future__ import annotations

from contextlib import closing

import typer

from app.cli.failure import failures_told
from app.errors import LedgerUnavailable
from app.settings import load_settings


def migrate() -> None:
    """Bring the jobs' database up to date. Safe to run again, and from several machines at once.

    Exits with 2 if a setting is bad, with 1 if the database cannot be reached or belongs to a later version.
    """
    from app.jobs.dispatch import Dispatch, QueueUnavailable
    from app.sql.database import Database
    from app.sql.migration import SchemaOutdated
    from app.sql.migration import migrate as run  # here, since no other command needs the database's packages

    with failures_told("migrate", SchemaOutdated, LedgerUnavailable, QueueUnavailable):
        settings = load_settings()
        with closing(Database(settings.ledger_url)) as database, closing(Dispatch(settings)) as queue:
            before, after = run(database, queue.create)
    typer.echo(f"The database is up to date at {after}." if before == after else f"{before or 'empty'} -> {after}")
