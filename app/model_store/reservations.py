"""Version numbers that were reserved and never published."""

from __future__ import annotations

from datetime import timedelta

from app.model_store.version import version_prefix
from app.model_store.version_rows import VersionRows
from app.registry.label import label_of
from app.storage.blobs import Blobs

ABANDONED = timedelta(days=7)


def forget_abandoned(rows: VersionRows, blobs: Blobs, older_than: timedelta = ABANDONED) -> list[str]:
    """Delete reservations of that age that were never published, with any uploaded files.

    Returns:
        Their labels.

    Raises:
        LedgerUnavailable, StorageUnavailable.
    """
    forgotten = []
    for row in rows.abandoned(older_than):
        blobs.delete_prefix(version_prefix(row.name, row.version))
        rows.forget(row)
        forgotten.append(label_of(row.name, row.version))
    return forgotten
