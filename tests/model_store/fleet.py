"""A fleet of one machine or several around one database and one store, and versions to publish in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from app.model_store.store import ModelStore
from app.model_store.version import VersionState, VersionStatus
from app.sql.database import Database
from app.storage.blobs import Blobs
from app.storage.folder import Folder


class Fleet:
    def __init__(
        self,
        folder: Path,
        shipped: Path,
        database: Database,
        make_version: Callable[..., Path],
        blobs: Blobs | None = None,
    ) -> None:
        self.folder = folder
        self.make_version = make_version
        self.shipped = shipped
        self.database = database
        self.blobs = blobs or Folder(folder / "blobs")
        self.model_store = self.machine("here")

    def machine(self, name: str, database: Database | None = None) -> ModelStore:
        """Another one, with a cache of its own."""
        return ModelStore(database or self.database, self.blobs, self.shipped, self.folder / name / "models")

    def make(self, name: str, version: int, seed: int = 0) -> Path:
        scratch = self.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        return self.make_version(scratch, name, version, seed)

    def publish(
        self, name: str, *, status: VersionStatus = VersionStatus.READY, seed: int = 0, **about
    ) -> VersionState:
        version = self.model_store.reserve(name)
        return self.model_store.publish(
            name, version, self.make(name, version, seed), status=status, by="test", **about
        )
