"""SQL statements on the rows of model versions and of active ones. Files are not touched here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.model_store.version import Activation, BaseSuperseded, VersionState, VersionStatus
from app.sql.database import Database
from app.sql.schema import active_models, model_versions, now_ms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Rounds of reserving: in each, at least one of several concurrent processes succeeds.
RESERVE_TRIES = 50
BY_CHARACTERS = 128


@dataclass(frozen=True)
class VersionRow:
    """A row of a version. `blob_prefix` and `manifest_sha256` are None while it is reserved."""

    name: str
    version: int
    status: VersionStatus
    reasons: tuple[str, ...]
    report: Mapping[str, Any]
    blob_prefix: str | None
    manifest_sha256: str | None
    created_at: datetime
    created_by: str

    def state(self, activation: Activation | None) -> VersionState:
        """Its public state; `activation` is the model's, if any."""
        active = activation if activation is not None and activation.version == self.version else None
        return VersionState(
            name=self.name,
            version=self.version,
            status=self.status,
            active=active is not None,
            forced=active is not None and active.forced,
            reasons=self.reasons,
            report=self.report,
            created_at=self.created_at,
            created_by=self.created_by,
        )


class VersionRows:
    """The tables of versions. Every method raises LedgerUnavailable if the database cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def names(self) -> list[str]:
        """Models with at least one published version."""
        query = select(model_versions.c.name).where(model_versions.c.status != VersionStatus.RESERVED).distinct()
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def of(self, name: str) -> list[VersionRow]:
        """Versions of a model, ascending, including reserved ones."""
        query = select(model_versions).where(model_versions.c.name == name).order_by(model_versions.c.version)
        with self._database.read() as connection:
            return [_version(row) for row in connection.execute(query)]

    def get(self, name: str, version: int) -> VersionRow | None:
        query = select(model_versions).where(model_versions.c.name == name, model_versions.c.version == version)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _version(row)

    def reserve(self, name: str, above: int, by: str) -> int:
        """Reserve the next number above `above` and above every row's."""
        for _ in range(RESERVE_TRIES):
            try:
                with self._database.write() as connection:
                    highest = select(func.max(model_versions.c.version)).where(model_versions.c.name == name)
                    number = max(above, connection.execute(highest).scalar() or 0) + 1
                    empty = {"status": VersionStatus.RESERVED, "reasons": [], "report": {}}
                    stamp = {"created_at": now_ms(), "created_by": by[:BY_CHARACTERS]}
                    connection.execute(insert(model_versions).values(name=name, version=number, **empty, **stamp))
                    return number
            except IntegrityError:
                continue
        raise RuntimeError(f"{RESERVE_TRIES} others took the next version of {name} first.")

    def publish(
        self,
        name: str,
        version: int,
        *,
        status: VersionStatus,
        reasons: Sequence[str],
        report: Mapping[str, Any],
        blob_prefix: str,
        manifest_sha256: str,
        by: str,
    ) -> bool:
        """Publish a reserved version. False: the number is not reserved, or is published already."""
        values = {
            "status": status,
            "reasons": list(reasons),
            "report": dict(report),
            "blob_prefix": blob_prefix,
            "manifest_sha256": manifest_sha256,
            "created_at": now_ms(),
            "created_by": by[:BY_CHARACTERS],
        }
        reserved = update(model_versions).where(
            model_versions.c.name == name,
            model_versions.c.version == version,
            model_versions.c.status == VersionStatus.RESERVED,
        )
        with self._database.write() as connection:
            return connection.execute(reserved.values(values)).rowcount == 1

    def abandoned(self, older_than: timedelta) -> list[VersionRow]:
        """Versions that were reserved so long ago that they will not be published any more."""
        limit = now_ms() - int(older_than.total_seconds() * 1000)
        query = select(model_versions).where(
            model_versions.c.status == VersionStatus.RESERVED, model_versions.c.created_at < limit
        )
        with self._database.read() as connection:
            return [_version(row) for row in connection.execute(query)]

    def forget(self, row: VersionRow) -> None:
        """Delete a reservation."""
        with self._database.write() as connection:
            connection.execute(
                delete(model_versions).where(
                    model_versions.c.name == row.name,
                    model_versions.c.version == row.version,
                    model_versions.c.status == VersionStatus.RESERVED,
                )
            )

    def activations(self) -> dict[str, Activation]:
        """The active version of each model that has one, by the model's name."""
        with self._database.read() as connection:
            rows = connection.execute(select(active_models).order_by(active_models.c.name))
            return {row.name: _activation(row) for row in rows}

    def activate(
        self, name: str, version: int, *, by: str, forced: bool, base: int | None = None, shipped: int | None = None
    ) -> Activation:
        """Make it the active version.

        Args:
            base: the version that must be active until then; None: any.
            shipped: the version that counts as active while there is no row.

        Raises:
            BaseSuperseded: another version than `base` is active.
        """
        values = {"version": version, "changed_at": now_ms(), "changed_by": by[:BY_CHARACTERS], "forced": forced}
        mine = active_models.c.name == name
        in_place_of = mine if base is None else mine & (active_models.c.version == base)
        change = update(active_models).where(in_place_of).values(values).returning(active_models)
        for _ in range(RESERVE_TRIES):
            try:
                with self._database.write() as connection:
                    row = connection.execute(change).one_or_none()
                    if row is None:
                        there = connection.scalar(select(active_models.c.version).where(mine))
                        if base is not None and (there or shipped) != base:
                            raise BaseSuperseded(f"{name}@{there or shipped} is active, and not {name}@{base}")
                        first = insert(active_models).values(name=name, **values).returning(active_models)
                        row = connection.execute(first).one()
                    return _activation(row)
            except IntegrityError:  # another process inserted the row at the same moment
                continue
        raise RuntimeError(f"The row of the active version of {name} comes and goes.")


def _version(row: Row[Any]) -> VersionRow:
    values = dict(row._mapping)
    return VersionRow(
        **values
        | {
            "status": VersionStatus(values["status"]),
            "reasons": tuple(values["reasons"]),
            "created_at": _time(values["created_at"]),
        }
    )


def _activation(row: Row[Any]) -> Activation:
    return Activation(row.name, row.version, _time(row.changed_at), row.changed_by, row.forced)


def _time(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)
