"""Versions on this machine's disk, and which were active last, for when the database cannot be reached."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from app.registry.label import is_model_name, label_of
from app.registry.repository import MANIFEST, verify_files
from app.storage.atomic import filling, replacing

REMEMBERED = "active.json"


class Cache:
    """Folders `<root>/<name>/<version>/` like every model repository; processes may share them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, name: str, version: int) -> Path | None:
        folder = self._folder(name, version)
        return folder if (folder / MANIFEST).is_file() else None

    def holds(self, name: str, version: int, manifest_sha256: str) -> bool:
        """Whether exactly this version is here; one of an earlier database may have the same number."""
        try:
            content = (self._folder(name, version) / MANIFEST).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == manifest_sha256

    def add(self, name: str, version: int, fetch: Callable[[Path], None]) -> Path:
        """Let `fetch` fill a folder, verify that, and rename it atomically. Raises what `fetch` raises.

        Raises:
            InvalidModel: it does not match its manifest.
            OSError: the disk is full or read-only.
        """
        folder = self._folder(name, version)
        try:
            with filling(folder) as part:
                fetch(part)
                verify_files(part, label_of(name, version))
        except OSError:
            if self.find(name, version) is None:
                raise
            # Another process was faster; its folder is verified, too.
        return folder

    def drop(self, name: str, version: int) -> None:
        """Delete a version that is damaged. It is renamed first, so that no process sees half of it."""
        doomed = self._folder(name, version).with_name(f".{version}.{secrets.token_hex(8)}")
        with suppress(FileNotFoundError):
            self._folder(name, version).rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def remember(self, versions: Mapping[str, int]) -> None:
        """Store which version of each model is active. Raises OSError."""
        if self.remembered() == dict(versions):
            return
        self.root.mkdir(parents=True, exist_ok=True)
        with replacing(self.root / REMEMBERED) as part:
            part.write_text(json.dumps(dict(versions)))

    def remembered(self) -> dict[str, int]:
        """What `remember` stored last; empty if that cannot be read."""
        try:
            found = json.loads((self.root / REMEMBERED).read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {
            name: version
            for name, version in found.items()
            if is_model_name(name) and type(version) is int and version > 0
        }

    def _folder(self, name: str, version: int) -> Path:
        return self.root / name / str(version)
