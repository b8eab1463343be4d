"""Publishing a trained version with the gates' report, and activating it if allowed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from app.errors import VersionRefused
from app.jobs.training_params import TrainingParams
from app.model_builds.candidate import Candidate
from app.model_store.store import ModelStore
from app.model_store.version import VersionState, VersionStatus

# Members of a version's report: the job that made it, the number of the version that it may take the place of, and the
# SHA-256 by id of each style image that it is made from.
JOB = "job"
BASE = "base"
PAINTINGS = "paintings"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Maker:
    """A job that makes versions of one model, and asks what it has made before a death."""

    model_store: ModelStore
    job_id: str
    params: TrainingParams

    def made(self, name: str) -> VersionState | None:
        """The version that an earlier attempt has published."""
        made = [version for version in self.model_store.versions(name) if version.report.get(JOB) == self.job_id]
        return made[-1] if made else None

    def publish(self, candidate: Candidate, folder: Path, base: int | None) -> VersionState:
        """Under the next number.

        Args:
            folder: empty, for the files.
            base: the version that it may take the place of; None: of any.
        """
        report = candidate.report
        name = candidate.manifest.name
        version = self.model_store.reserve(name, by=self._by)
        return self.model_store.publish(
            name,
            version,
            candidate.publish(folder, version),
            status=VersionStatus.READY if report.passed else VersionStatus.CANDIDATE,
            reasons=report.reasons,
            report={
                **finite(report.as_json()),
                JOB: self.job_id,
                BASE: base,
                PAINTINGS: {painting.id: painting.sha256 for painting in self.params.paintings},
            },
            by=self._by,
        )

    def activate(self, version: VersionState) -> VersionState:
        """Activate the version if that was requested, and the gates or `force` allow it. Returns its new state.

        Raises:
            BaseSuperseded: it would take away what the version that is active by now has.
        """
        if (
            not self.params.activate
            or version.active
            or (version.status is not VersionStatus.READY and not self.params.force)
        ):
            return version
        try:
            base = version.report.get(BASE)
            self.model_store.activate(version.name, version.version, by=self._by, force=self.params.force, base=base)
        except VersionRefused as error:
            _log.warning("model_not_activated", model=version.label, reasons=error.extra.get("reasons"))
            return version
        return self.model_store.version(version.name, version.version)

    @property
    def _by(self) -> str:
        return f"admin {self.params.by} by job {self.job_id}"


def facts(version: VersionState) -> dict[str, Any]:
    """The facts about the version in the job."""
    report = version.report
    return {
        "model": version.label,
        "status": version.status,
        "active": version.active,
        "forced": version.forced,
        "reasons": list(version.reasons),
        "warnings": report.get("warnings", []),
        "figures": {name: value for name, value in report.get("figures", {}).items() if name != "files"},
    }


def finite(value: Any) -> Any:
    """JSON without the numbers that JSON does not have: they become null."""
    if isinstance(value, Mapping):
        return {key: finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
