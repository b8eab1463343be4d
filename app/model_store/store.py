"""Model versions of the whole fleet: those that ship with the program, and published ones.

A published version is a row in the database, and files in the storage. The row is written last, which publishes the
version atomically. Another row says which version of a model every replica serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from app.errors import LedgerUnavailable, NotFound, VersionRefused
from app.model_store.archive import Archive
from app.model_store.cache import Cache
from app.model_store.golden import check_golden, golden_stylizer, paint_golden
from app.model_store.version import Activation, VersionState, VersionStatus
from app.model_store.version_resolver import VersionResolver
from app.model_store.version_rows import VersionRows
from app.registry.encoders import fitting_folder
from app.registry.error import InvalidModel, MissingModel
from app.registry.label import is_model_name, label_of, parse_label
from app.registry.repository import Model, Repository, load_version, read_manifest
from app.settings import Settings
from app.sql.database import Database
from app.sql.schema import metadata
from app.storage.blobs import Blobs, open_storage
from app.storage.folder import Folder

# Key in a version's report of its golden image's figures.
GOLDEN = "golden"
# Longer than any training takes from reserving its number to publishing.

_log = structlog.get_logger(__name__)


class NotReserved(Exception):
    """The version cannot be published: its number was not reserved, or is published already."""


class ModelStore:
    """Model versions. Safe for threads and processes; it connects at the first call.

    Every method may raise LedgerUnavailable, or StorageUnavailable if it needs files.

    Args:
        shipped: the model repository that ships with the program; read only.
        cache: local folder for downloads; processes may share it.
    """

    def __init__(self, database: Database, blobs: Blobs, shipped: Path, cache: Path) -> None:
        self._database = database
        self._rows = VersionRows(database)
        self._archive = Archive(blobs)
        self._shipped = Repository(shipped)
        self._cache = Cache(cache)
        self._resolver = VersionResolver(self._rows, self._archive, self._shipped, self._cache)

    def names(self) -> list[str]:
        """Models with at least one version, shipped or published."""
        return sorted({*self._shipped.names(), *self._rows.names()})

    def versions(self, name: str) -> list[VersionState]:
        """Versions of a model, ascending, without reserved numbers; empty for an unknown name.

        A published version hides a shipped one of the same number, since later programs may ship that number, too.
        """
        if not is_model_name(name):  # with a NUL, which PostgreSQL refuses
            return []
        activation = self._rows.activations().get(name)
        published = {row.version: row for row in self._rows.of(name) if row.status is not VersionStatus.RESERVED}
        states = {number: self._shipped_state(name, number, activation) for number in self._shipped.versions(name)}
        states |= {number: row.state(activation) for number, row in published.items()}
        return [states[number] for number in sorted(states)]

    def version(self, name: str, version: int) -> VersionState:
        """Raises NotFound."""
        found = next((state for state in self.versions(name) if state.version == version), None)
        if found is None:
            raise NotFound(f"There is no model {name}@{version}.")
        return found

    def active(self) -> dict[str, int]:
        """The active version of each model that has one. A model without one serves its newest shipped version."""
        return {name: activation.version for name, activation in self.activations().items()}

    def activations(self) -> dict[str, Activation]:
        """The active version of each model that has one, with since when and by whom."""
        return self._rows.activations()

    def newest_shipped(self, name: str) -> int | None:
        """The version that is served while none is active; None if none shipped."""
        return max(self._shipped.versions(name), default=None)

    def folder(self, reference: str) -> Path:
        """The verified folder of `name@version`, or of `name`: its active version, else the newest shipped one.

        A published version is downloaded if it is not on this machine yet. Without the database, shipped and
        downloaded versions can still be used.

        Raises:
            InvalidModel: there is no such version, or it was changed.
            LedgerUnavailable, StorageUnavailable: it cannot be downloaded now.
        """
        name, version = self._resolve(reference)
        return self._resolver.folder(name, version)

    def load(self, reference: str) -> Model:
        """Load the model in `folder`. Raises as `folder` does."""
        folder = self.folder(reference)
        return load_version(folder, f"{folder.parent.name}@{folder.name}")

    def encoder_folder(self, generator_sha256: str) -> Path | None:
        """Of the style encoder that shipped for the generator of that digest. Raises InvalidModel."""
        return fitting_folder(self._shipped.root, generator_sha256)

    def report(self, name: str, version: int) -> Mapping[str, Any]:
        """What was measured of a published version; empty for a shipped one."""
        row = self._rows.get(name, version)
        return {} if row is None else row.report

    def reserve(self, name: str, by: str = "") -> int:
        """Reserve a number above every version of this name, including files without a row.

        Raises:
            InvalidModel: the name is not valid.
        """
        parse_label(f"{name}@1")
        taken = {*self._shipped.numbered(name), *self._archive.numbers(name)}
        return self._rows.reserve(name, max(taken, default=0), by)

    def publish(
        self,
        name: str,
        version: int,
        folder: Path,
        *,
        status: VersionStatus,
        reasons: Sequence[str] = (),
        report: Mapping[str, Any] | None = None,
        by: str,
    ) -> VersionState:
        """Publish a version under its reserved number, atomically.

        Args:
            folder: as app.registry.publish writes it, of any name, with the manifest of `name@version`.
            report: JSON. Figures of the golden image are added; if that fails, the version becomes a candidate.

        Raises:
            InvalidModel: the folder cannot be loaded.
            NotReserved: the number was not reserved, or is published already.
        """
        label = label_of(name, version)
        model = load_version(folder, label)
        measured = dict(report or {})
        try:
            measured[GOLDEN] = paint_golden(golden_stylizer(model))
        except InvalidModel as error:
            status, reasons = VersionStatus.CANDIDATE, [*reasons, str(error)]
        upload = self._archive.store(folder, read_manifest(folder, label))
        there = self._rows.publish(
            name,
            version,
            status=status,
            reasons=reasons,
            report=measured,
            blob_prefix=upload.blob_prefix,
            manifest_sha256=upload.manifest_sha256,
            by=by,
        )
        if not there:
            self._archive.delete(upload)
            raise NotReserved(f"The number of {label} was not reserved, or it is published already.")
        self._archive.delete_others(name, version, upload)
        _log.info("model_published", model=label, status=status, by=by, reasons=list(reasons))
        return self.version(name, version)

    def activate(self, name: str, version: int, *, by: str, force: bool = False, base: int | None = None) -> Activation:
        """Make every replica serve this version, after loading and trying it here.

        Args:
            force: activate a candidate, too, which is recorded; a broken version never is.
            base: the version that must be active until then; None: any.

        Raises:
            NotFound: there is no such version.
            VersionRefused: it is a candidate, or broken.
            BaseSuperseded: another version than `base` is active.
        """
        state = self.version(name, version)
        if state.status is VersionStatus.CANDIDATE and not force:
            raise VersionRefused(f"{state.label} is a candidate only.", reasons=list(state.reasons))
        try:
            check_golden(golden_stylizer(self.load(state.label)), state.report.get(GOLDEN))
        except InvalidModel as error:
            raise VersionRefused(f"{state.label} is broken.", reasons=[str(error)]) from error
        forced = state.status is VersionStatus.CANDIDATE
        shipped = self.newest_shipped(name)
        return self._rows.activate(name, version, by=by, forced=forced, base=base, shipped=shipped)

    def remember(self, versions: Mapping[str, int]) -> None:
        """Store on this machine which versions are active. Raises OSError."""
        self._cache.remember(versions)

    def remembered(self) -> dict[str, int]:
        """The versions that were active when the database was last reached."""
        return self._cache.remembered()

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _resolve(self, reference: str) -> tuple[str, int]:
        name, version = parse_label(reference)
        if version is not None:
            return name, version
        try:
            active = self.active()
        except LedgerUnavailable:
            active = self.remembered()
        found = active.get(name) or self.newest_shipped(name)
        if found is None:
            raise MissingModel(f"There is no model {reference}.")
        return name, found

    def _shipped_state(self, name: str, version: int, activation: Activation | None) -> VersionState:
        try:
            created = _parsed(read_manifest(self._shipped.root / name / str(version)).created)
        except InvalidModel:
            created = None
        active = activation is not None and activation.version == version
        return VersionState(name, version, VersionStatus.READY, active=active, shipped=True, created_at=created)


def open_model_store(settings: Settings) -> ModelStore:
    """The model store of these settings, with its own pool of connections.

    Raises:
        OSError: the folder of the embedded database cannot be created.
        ModuleNotFoundError: S3 without the packages of the extra `s3`.
    """
    blobs = open_storage(settings.blobs_url, s3_endpoint_url=settings.s3_endpoint_url)
    return ModelStore(Database(settings.ledger_url), blobs, settings.models_dir, settings.model_cache_dir)


def open_shipped(folder: Path) -> ModelStore:
    """A store with only the versions in a folder, and an empty database."""
    database = Database("sqlite://")
    metadata.create_all(database.engine)
    return ModelStore(database, Folder(folder / ".none"), folder, folder / ".none")


def _parsed(created: str) -> datetime | None:
    try:
        return datetime.fromisoformat(created)
    except ValueError:
        return None
