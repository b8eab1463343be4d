"""The gates that a new version must pass before it may be served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """What the gates found.

    Attributes:
        reasons: why it must not be served; none if it has passed.
        warnings: what its maker should know of, and may accept.
        figures: measured, by name.
    """

    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    figures: dict[str, Any]

    @property
    def passed(self) -> bool:
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "figures": self.figures,
        }
