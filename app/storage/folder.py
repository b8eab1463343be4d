"""Blobs as files in a folder, which several machines may share."""

from __future__ import annotations

import builtins
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app import tracing
from app.errors import StorageUnavailable
from app.storage.atomic import sync
from app.storage.blobs import RETRY_AFTER_SECONDS, BlobNotFound, check_key, check_prefix

# Tries of steps that interfere between those who write and those who delete a prefix.
ATTEMPTS = 10
# Where blobs are written before they are renamed. No key begins with a dot.
PARTS = ".parts"


class Folder:
    """Blobs in a folder, which is created with the first blob."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with _as_storage(), self._written(data) as part:
            for attempt in range(ATTEMPTS):
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    part.replace(path)
                    break
                except (FileNotFoundError, FileExistsError):  # the latter by mkdir, if the folder was deleted again
                    if attempt == ATTEMPTS - 1:
                        raise
            with suppress(FileNotFoundError):  # deleted again already, with its contents
                sync(path.parent)  # the name must be on the disk, too

    @contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """Write the data to a temporary file, synced, so that a crash leaves a whole blob or none.

        It is outside of all prefixes, so that deleting a prefix can only interfere with renaming, not with writing.
        """
        part = self._root / PARTS / f".{secrets.token_hex(8)}"
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(data)
            sync(part)
            yield part
        finally:
            part.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        with _as_storage():
            try:
                return self._path(key).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise BlobNotFound(key) from None

    def delete(self, key: str) -> None:
        with _as_storage():
            self._path(key).unlink(missing_ok=True)

    def delete_prefix(self, prefix: str) -> None:
        folder = self._root / check_prefix(prefix)
        with _as_storage():
            # Again if a blob was added to a folder that had been emptied already.
            for attempt in range(ATTEMPTS):
                try:
                    shutil.rmtree(folder)
                    return
                except FileNotFoundError:
                    if not folder.exists():
                        return
                except OSError:
                    if attempt == ATTEMPTS - 1:
                        raise

    def list(self, prefix: str) -> list[str]:
        top = self._root / check_prefix(prefix)
        with _as_storage():
            # Names with a leading dot are blobs that are being written.
            found = [
                Path(folder, name).relative_to(self._root).as_posix()
                for folder, _, names in os.walk(top, onerror=_unless_gone)
                for name in names
                if not name.startswith(".")
            ]
        return sorted(found)

    def folders(self, prefix: str) -> builtins.list[str]:
        top = self._root / check_prefix(prefix)
        with _as_storage():
            try:
                return sorted(entry.name for entry in os.scandir(top) if entry.is_dir())
            except FileNotFoundError:
                return []

    def discard_unfinished(self, older_than_seconds: float) -> None:
        limit = time.time() - older_than_seconds
        with _as_storage():
            parts = self._root / PARTS
            for part in parts.iterdir() if parts.is_dir() else ():
                with suppress(FileNotFoundError):  # by its writer, or by another process that cleans up
                    if part.stat().st_mtime < limit:
                        part.unlink()

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


@contextmanager
def _as_storage() -> Iterator[None]:
    try:
        with tracing.span("storage"):
            yield
    except OSError as error:
        raise StorageUnavailable(
            "The storage of images does not work.", private=repr(error), retry_after_seconds=RETRY_AFTER_SECONDS
        ) from error
