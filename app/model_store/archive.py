"""Versions as blobs. Every upload has its own folder, so that published files are never overwritten."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.model_store.version import MODELS, version_prefix
from app.registry.error import InvalidModel
from app.registry.manifest import Manifest
from app.registry.repository import MANIFEST, parse_manifest, read_verified
from app.storage.blobs import BlobNotFound, Blobs, InvalidKey


@dataclass(frozen=True)
class Upload:
    """Where the files of a version are, and the SHA-256 of their manifest."""

    blob_prefix: str
    manifest_sha256: str


class Archive:
    """Uploads and downloads. Every method raises StorageUnavailable if the storage does not work."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def numbers(self, name: str) -> list[int]:
        """Versions with any files, complete or not."""
        parts = (key.split("/")[2] for key in self._blobs.list(f"{MODELS}/{name}/"))
        return sorted({int(part) for part in parts if part.isascii() and part.isdigit()})

    def store(self, folder: Path, manifest: Manifest) -> Upload:
        """Upload a verified folder, the manifest last. Raises InvalidModel if a file does not match it."""
        prefix = f"{version_prefix(manifest.name, manifest.version)}{secrets.token_hex(8)}/"
        with _as_model(manifest.label):
            for file in manifest.files:
                self._blobs.put(prefix + file, read_verified(folder, file, manifest))
            content = (folder / MANIFEST).read_bytes()
            self._blobs.put(prefix + MANIFEST, content)
        return Upload(prefix, hashlib.sha256(content).hexdigest())

    def fetch(self, label: str, upload: Upload, folder: Path) -> None:
        """Download the files into `folder`, checking size and hash of each.

        Raises:
            InvalidModel: a file is missing or has changed, or the manifest names something that is not a file.
        """
        with _as_model(label):
            content = self._blobs.get(upload.blob_prefix + MANIFEST)
            if hashlib.sha256(content).hexdigest() != upload.manifest_sha256:
                raise InvalidModel(f"The manifest of {label} in the storage is not the one that was published.")
            manifest = parse_manifest(content, label)
            for file, expected in manifest.files.items():
                data = self._blobs.get(upload.blob_prefix + file)
                if len(data) != expected.bytes or hashlib.sha256(data).hexdigest() != expected.sha256:
                    raise InvalidModel(f"{file} of {label} in the storage is not what was published.")
                write(folder / file, data)
            write(folder / MANIFEST, content)

    def delete_others(self, name: str, version: int, kept: Upload) -> None:
        """Delete other uploads of the same version, which were not finished or came too late."""
        keys = self._blobs.list(version_prefix(name, version))
        # The part after the version's number.
        for prefix in {"/".join(key.split("/")[:4]) + "/" for key in keys} - {kept.blob_prefix}:
            self._blobs.delete_prefix(prefix)

    def delete(self, upload: Upload) -> None:
        self._blobs.delete_prefix(upload.blob_prefix)


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@contextmanager
def _as_model(label: str) -> Iterator[None]:
    try:
        yield
    except BlobNotFound as error:
        raise InvalidModel(f"{str(error).rpartition('/')[2]} of {label} is not in the storage.") from error
    except InvalidKey as error:
        raise InvalidModel(f"{label} has a file that cannot be stored under its name.") from error
