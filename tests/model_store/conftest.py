"""Releases of a test's own: a ledger, a store, the test models as the shipped ones, and a cache."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from fleet import Fleet

from app.sql.database import Database
from app.sql.migration import migrate


@pytest.fixture
def fleet(models_dir: Path, tmp_path: Path, make_version: Callable[..., Path]) -> Iterator[Fleet]:
    database = Database(f"sqlite:///{tmp_path / 'jobs.sqlite'}")
    migrate(database)
    yield Fleet(tmp_path, models_dir, database, make_version)
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def open_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Opens the same migrated database, as often as asked: each is a machine of its own."""
    opened: list[Database] = []

    def open_url(url: str) -> Database:
        opened.append(Database(url))
        return opened[-1]

    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
        migrate(open_url(url))
        yield lambda: open_url(url)
    else:
        server, schema = request.getfixturevalue("postgresql_url"), f"test_{secrets.token_hex(6)}"
        url = f"{server}?options=-csearch_path%3D{schema}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
            migrate(open_url(url))
            yield lambda: open_url(url)
            for database in opened:
                database.close()
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
    for database in opened:
        database.close()
