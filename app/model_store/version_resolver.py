"""Finding a version's folder on this machine, or downloading it."""

from __future__ import annotations

from pathlib import Path

import structlog

from app.errors import LedgerUnavailable
from app.model_store.archive import Archive, Upload
from app.model_store.cache import Cache
from app.model_store.version import VersionStatus
from app.model_store.version_rows import VersionRow, VersionRows
from app.registry.error import InvalidModel, MissingModel
from app.registry.label import label_of
from app.registry.repository import Repository, verify_files

_log = structlog.get_logger(__name__)


class VersionResolver:
    """Looks up a version's row, then its files in the cache or the archive."""

    def __init__(self, rows: VersionRows, archive: Archive, shipped: Repository, cache: Cache) -> None:
        self._rows = rows
        self._archive = archive
        self._shipped = shipped
        self._cache = cache

    def folder(self, name: str, version: int) -> Path:
        """The verified folder of a version. Raises InvalidModel, LedgerUnavailable, StorageUnavailable."""
        try:
            row = self._rows.get(name, version)
        except LedgerUnavailable:
            return self._without_database(name, version)
        if row is None or row.status is VersionStatus.RESERVED:
            return self._of_program(name, version)
        return self._of_fleet(row, Upload(row.blob_prefix or "", row.manifest_sha256 or ""))

    def _of_fleet(self, row: VersionRow, upload: Upload) -> Path:
        name, version, label = row.name, row.version, label_of(row.name, row.version)
        cached = self._cache.find(name, version)
        if cached is not None and self._cache.holds(name, version, upload.manifest_sha256):
            try:
                verify_files(cached, label)
                return cached
            except InvalidModel as error:
                _log.warning("cached_model_broken", reason=str(error))
        if cached is not None:
            self._cache.drop(name, version)
        return self._cache.add(name, version, lambda folder: self._archive.fetch(label, upload, folder))

    def _of_program(self, name: str, version: int) -> Path:
        if version not in self._shipped.versions(name):
            raise MissingModel(f"There is no model {name}@{version}.")
        folder = self._shipped.root / name / str(version)
        verify_files(folder, label_of(name, version))
        return folder

    def _without_database(self, name: str, version: int) -> Path:
        if cached := self._cache.find(name, version):
            verify_files(cached, label_of(name, version))
            return cached
        if version in self._shipped.versions(name):
            return self._of_program(name, version)
        raise LedgerUnavailable(f"{name}@{version} is not on this machine, and the database cannot be reached.")
