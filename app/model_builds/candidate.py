"""A candidate: a version that a training has made, with the gates' report, not yet in any repository."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.model_builds.scores import mean_losses
from app.registry.manifest import Manifest
from app.registry.publish import Draft
from app.training.gates import Findings, JudgedStyles, Report, judge_files, judge_losses, judge_paintings

# Of the gates' work: scoring, which comes before them, takes what is left.
PAINTINGS_BEGIN = 0.3


@dataclass(frozen=True)
class Candidate:
    """A version that is whole but not written. Its manifest holds the report as `metrics["gates"]`."""

    draft: Draft
    report: Report

    @property
    def manifest(self) -> Manifest:
        """Its version is a placeholder until it is published."""
        return self.draft.manifest

    def publish(self, root: Path, version: int | None = None) -> Path:
        """Write it as `<root>/<name>/<version>/` and return that folder; it appears whole or not at all.

        It is written whether or not it has passed the gates: that is the caller's decision.

        Args:
            version: its number; the next one that is free in `root` else.

        Raises:
            InvalidModel: if what was written cannot be loaded again; the folder is gone then.
            FileExistsError: if that version is there already.
        """
        manifest = self.draft.write(root, version)
        return root / manifest.name / str(manifest.version)


def pass_gates(draft: Draft, findings: Findings, painted: JudgedStyles, watch: Callable[[float], None]) -> Candidate:
    """The gates that are the same for every version, and the report into the manifest.

    Args:
        findings: of the gates before.
        watch: called with the fraction of all the gates' work that is done; may raise.
    """
    means = mean_losses(painted.objective, painted.generator, painted.rows, [*painted.styles], painted.pictures)
    judge_losses(findings, means)
    judge_paintings(findings, painted, lambda done: watch(PAINTINGS_BEGIN + (1 - PAINTINGS_BEGIN) * done))
    judge_files(findings, {name: (file.sha256, file.bytes) for name, file in draft.manifest.files.items()})
    report = findings.report()
    return Candidate(draft.with_metrics(gates=report.as_json()), report)
