"""What the training commands do with a candidate: report what the gates found, and publish it."""

from __future__ import annotations

from pathlib import Path

from app.cli.failure import complain, console, give_up
from app.model_builds.candidate import Candidate
from app.training.gates import MIN_EQUIVALENT


def publish_or_exit(candidate: Candidate, models: Path, command: str, *, force: bool) -> None:
    """Publish a candidate that has passed, or is forced, in the model repository `models`; else exit with 1."""
    show_gates(candidate, command)
    if not candidate.report.passed and not force:
        give_up(command, "It has not passed the gates, so it is not published. Use --force to publish it all the same.")
    folder = candidate.publish(models)
    console.print(f"Published {candidate.manifest.name}@{folder.name} in {models}.")


def show_gates(candidate: Candidate, command: str) -> None:
    report = candidate.report
    for style, counts in report.figures["gatys_equivalents"].items():
        most = report.figures["gatys_evaluations"]
        shown = ", ".join(f"{count} or more" if count == most else str(count) for count in counts)
        console.print(f"{style}: worth {shown} iterations of Gatys from noise (at least {MIN_EQUIVALENT} are wanted).")
    for warning in report.warnings:
        complain(command, f"Warning: {warning}")
    for reason in report.reasons:
        complain(command, reason)
