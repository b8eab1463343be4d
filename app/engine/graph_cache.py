"""Compiled graphs in a folder, for the next start and for other processes: reading one takes a quarter of compiling it.

A file is the SHA-256 of a graph and the graph. Its name is made of all that the graph depends on: nothing goes stale.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import structlog

from app.storage.atomic import replacing

# A model has two, of 0.1 to 8 MB each: one of all threads and one of a single thread.
KEPT_GRAPHS = 64
DIGEST_BYTES = hashlib.sha256().digest_size

_log = structlog.get_logger(__name__)


class GraphCache:
    """A folder of graphs. No error of the disk gets out of it: without a cache, graphs are compiled.

    Args:
        folder: is created below a folder that exists, such as that of the data; otherwise nothing is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> bytes | None:
        """The graph of that key; None if it is not there or damaged."""
        file = self._file(key)
        try:
            content = file.read_bytes()
            file.touch()  # the files that were not used for the longest time are deleted
        except OSError:
            return None
        digest, graph = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
        return graph if hashlib.sha256(graph).digest() == digest else None

    def keep(self, key: str, graph: bytes) -> None:
        """Store a graph, and delete those that were not used for the longest time beyond KEPT_GRAPHS."""
        if not self._folder.parent.is_dir():
            return  # a command line without a folder for data
        try:
            self._folder.mkdir(exist_ok=True)
            with replacing(self._file(key)) as part:
                part.write_bytes(hashlib.sha256(graph).digest() + graph)
            self._shrink()
        except OSError as error:
            _log.info("graph_not_kept", folder=str(self._folder), reason=str(error))

    def _shrink(self) -> None:
        used = {file: file.stat().st_mtime for file in self._folder.glob("*.graph")}
        for file in sorted(used, key=lambda file: used[file], reverse=True)[KEPT_GRAPHS:]:
            with suppress(FileNotFoundError):  # another process deleted it
                file.unlink()

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.graph"


def key_of(*parts: str) -> str:
    """A file name for what these parts make."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
