"""A version made ready to paint, wherever it has to come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.engine.device import Device
from app.engine.stylizer import Stylizer
from app.errors import LedgerUnavailable
from app.model_store.golden import check_golden
from app.model_store.store import GOLDEN, ModelStore
from app.registry.label import parse_label
from app.registry.repository import Model


@dataclass(frozen=True, eq=False)
class Loaded:
    """A version, and what paints it: cold, but with the golden pictures behind it."""

    model: Model
    stylizer: Stylizer


def load_stylizer(model_store: ModelStore, label: str, device: Device) -> Loaded:
    """Download `name@version` where it is not here, verify it, and paint its golden pictures.

    Raises:
        InvalidModel: there is none, or it is not what was published, or does not paint what it painted then.
        LedgerUnavailable, StorageUnavailable: it cannot be had now.
        OSError: the disk has no room for it.
    """
    model = model_store.load(label)
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    check_golden(stylizer, _report(model_store, label).get(GOLDEN))
    return Loaded(model, stylizer)


def _report(model_store: ModelStore, label: str) -> Mapping[str, Any]:
    name, version = parse_label(label)
    try:
        return {} if version is None else model_store.report(name, version)
    except LedgerUnavailable:
        return {}
