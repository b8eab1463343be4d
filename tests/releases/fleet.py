"""A fleet of one machine or several around one database and one store, and versions to publish in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from app.nets.generators import Compact
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture, Style
from app.registry.publish import publish
from app.releases.releases import Releases
from app.releases.version import Status, VersionState
from app.sql.database import Database
from app.storage.blobs import Blobs
from app.storage.folder import Folder

OPTIONS: dict[str, int | tuple[int, ...]] = {"widths": (4, 8), "blocks": 1, "fine": 4}
STYLES = (
    Style(id="starry_night", title="The Starry Night", preview="previews/starry_night.jpg"),
    Style(id="new_one", title="The New One"),
)


def make_version(root: Path, name: str, version: int, seed: int = 0) -> Path:
    """The folder of a whole version with that number, of random weights, in a repository at `root`."""
    (root / name / str(version - 1)).mkdir(parents=True, exist_ok=True)  # the next number is its own then
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Compact(**OPTIONS)
        rows = StyleRows(len(STYLES), generator.features).requires_grad_(False)
        rows.gamma.normal_(1, 0.3)
        rows.beta.normal_(0, 0.3)
    about = {"architecture": Architecture(name="compact", options=OPTIONS), "styles": STYLES, "descriptor": "none"}
    about |= {"recipe": {}, "metrics": {}, "extras": {"card.md": b"# made\n", "previews/starry_night.jpg": b"picture"}}
    assert publish(root, name, generator, rows, **about).version == version
    return root / name / str(version)


class Fleet:
    def __init__(self, folder: Path, shipped: Path, database: Database, blobs: Blobs | None = None) -> None:
        self.folder = folder
        self.shipped = shipped
        self.database = database
        self.blobs = blobs or Folder(folder / "blobs")
        self.releases = self.machine("here")

    def machine(self, name: str, database: Database | None = None) -> Releases:
        """Another one, with a cache of its own."""
        return Releases(database or self.database, self.blobs, self.shipped, self.folder / name / "models")

    def make(self, name: str, version: int, seed: int = 0) -> Path:
        scratch = self.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        return make_version(scratch, name, version, seed)

    def publish(self, name: str, *, status: Status = Status.READY, seed: int = 0, **about) -> VersionState:
        version = self.releases.reserve(name)
        return self.releases.publish(name, version, self.make(name, version, seed), status=status, by="test", **about)
