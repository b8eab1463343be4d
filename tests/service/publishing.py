"""Publishes a version in children of its own, each of which is killed at another moment: `publishing.py JSON`.

Forked, so that all that is imported is imported once. Prints how each child ended, by the name of its moment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event

from app.model_store.archive import Archive
from app.model_store.store import ModelStore
from app.model_store.version import VersionStatus
from app.model_store.version_rows import VersionRows
from app.sql.database import Database
from app.storage.folder import Folder

MOMENTS = ("first file", "second file", "half a file", "manifest", "row", "commit", "committed", "never")


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class MortalFolder(Folder):
    """Kills the process instead of writing the blob of that number, or half-way through it."""

    def __init__(self, root: str, moment: str) -> None:
        super().__init__(root)
        self._moment = moment
        self._puts = 0

    def put(self, key: str, data: bytes) -> None:
        self._puts += 1
        if (self._moment, self._puts) in (("first file", 1), ("second file", 2)):
            die()
        if self._moment == "manifest" and key.endswith("manifest.json"):
            die()
        if self._moment == "half a file" and self._puts == 2:
            with self._written(data[: len(data) // 2]):
                die()
        super().put(key, data)


def publish(given: dict[str, str], moment: str) -> None:
    database = Database(given["database"])
    model_store = ModelStore(
        database, MortalFolder(given["blobs"], moment), Path(given["shipped"]), Path(given["cache"]) / "killed"
    )
    if moment == "row":
        VersionRows.publish = die
    if moment == "commit":
        event.listen(database.engine, "commit", lambda _: die())
    if moment == "committed":
        Archive.delete_others = die
    model_store.publish("compact", int(given["version"]), Path(given["made"]), status=VersionStatus.READY, by=moment)


def main() -> None:
    given = json.loads(sys.argv[1])
    ended = {}
    for moment, details in given.items():
        child = os.fork()
        if child == 0:
            publish(details, moment)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended[moment] = os.waitstatus_to_exitcode(status)
    sys.stdout.write(json.dumps(ended) + "\n")


if __name__ == "__main__":
    main()
