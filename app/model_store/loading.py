"""Loading a version to serve, whether it is shipped or published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.engine.device import Device
from app.engine.stylizer import Stylizer
from app.errors import LedgerUnavailable
from app.model_store.golden import check_golden
from app.model_store.store import GOLDEN, ModelStore
from app.registry.encoders import digest_of
from app.registry.label import parse_label
from app.registry.repository import Model


@dataclass(frozen=True, eq=False)
class Loaded:
    """A version and its stylizer: not warmed up, but checked with the golden image.

    Attributes:
        generator_sha256: from `app.registry.encoders.digest_of`.
    """

    model: Model
    stylizer: Stylizer
    generator_sha256: str


def load_stylizer(model_store: ModelStore, label: str, device: Device) -> Loaded:
    """Download `name@version` if it is not here, verify it, and check its golden image.

    Raises:
        InvalidModel: it does not exist, was changed, or its golden image differs from the record.
        LedgerUnavailable, StorageUnavailable: it cannot be downloaded now.
        OSError: the disk is full.
    """
    model = model_store.load(label)
    generator_sha256 = digest_of(model.generator)  # now: the stylizer converts the weights
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    check_golden(stylizer, _report(model_store, label).get(GOLDEN))
    return Loaded(model, stylizer, generator_sha256)


def _report(model_store: ModelStore, label: str) -> Mapping[str, Any]:
    name, version = parse_label(label)
    try:
        return {} if version is None else model_store.report(name, version)
    except LedgerUnavailable:
        return {}
