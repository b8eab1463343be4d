"""What is known of model versions without loading them, and which one is active."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.registry.label import label_of

# Prefix of the keys of their blobs.
MODELS = "models"


def version_prefix(name: str, version: int) -> str:
    """Prefix of the blobs of all uploads of a version."""
    return f"{MODELS}/{name}/{version}/"


class VersionStatus(StrEnum):
    """Reserved: only a number. Candidate: complete, but refused by a gate. Ready: may be activated."""

    RESERVED = "reserved"
    CANDIDATE = "candidate"
    READY = "ready"


class BaseSuperseded(Exception):
    """The version that this one was made from is not active any more."""


@dataclass(frozen=True)
class VersionState:
    """
    Attributes:
        reasons: why it is a candidate, in sentences.
        report: what was measured when it was made; JSON.
        active: whether every replica should serve it.
        forced: whether it was activated although it is a candidate.
        shipped: whether it ships with the program, and has no row.
        created_at: None if a shipped manifest cannot be read.
    """

    name: str
    version: int
    status: VersionStatus
    active: bool = False
    forced: bool = False
    shipped: bool = False
    reasons: tuple[str, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    created_by: str | None = None

    @property
    def label(self) -> str:
        return label_of(self.name, self.version)


def version_served(versions: Sequence[VersionState]) -> int | None:
    """The version of a model that replicas serve: the active one, otherwise the newest that shipped.

    None if there is neither: the model is not served.
    """
    newest_shipped = max((state.version for state in versions if state.shipped), default=None)
    return next((state.version for state in versions if state.active), newest_shipped)


@dataclass(frozen=True)
class Activation:
    """Which version of a model is active, since when and by whom."""

    name: str
    version: int
    changed_at: datetime
    changed_by: str
    forced: bool

    @property
    def label(self) -> str:
        return label_of(self.name, self.version)
