"""What is known of a model version without loading it, and of the one that is active."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.registry.label import label_of

# What the keys of their blobs begin with.
MODELS = "models"


def version_prefix(name: str, version: int) -> str:
    """Of the blobs of all uploads of a version."""
    return f"{MODELS}/{name}/{version}/"


class VersionStatus(StrEnum):
    """Reserved: a number and nothing more. Candidate: whole, but not good enough to be activated. Ready: it is."""

    RESERVED = "reserved"
    CANDIDATE = "candidate"
    READY = "ready"


class BaseSuperseded(Exception):
    """Another version has become the active one since the one that this version was made from."""


@dataclass(frozen=True)
class VersionState:
    """
    Attributes:
        reasons: why it is a candidate, a sentence each.
        report: what its maker measured; JSON.
        active: whether it is the one that every replica should serve.
        forced: it was activated although it is a candidate.
        shipped: it came with the program, and has no row.
        created_at: None where a shipped manifest cannot be read.
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
    """Of a model's versions, the one that replicas serve: the active one, else the newest that shipped.

    None: there is neither, and the model is not served.
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
