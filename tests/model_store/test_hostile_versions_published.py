"""What lies in the storage may be broken or hostile: it is refused in a sentence, and nothing of it is used."""

from __future__ import annotations

import hashlib
import json

import pytest
from sqlalchemy import update

from app.registry.error import InvalidModel
from app.registry.repository import describe
from app.sql.schema import model_versions

LABEL = "compact@2"


@pytest.fixture
def stored(fleet):
    """The blobs of compact@2, by their file's names, to be changed."""
    fleet.publish("compact")

    class Stored:
        prefix = "/".join(fleet.blobs.list("models/compact/2/")[0].split("/")[:4]) + "/"

        def get(self, file):
            return fleet.blobs.get(self.prefix + file)

        def put(self, file, content):
            fleet.blobs.put(self.prefix + file, content)

        def vouch(self, content):
            """Put another manifest there, and its hash into the row, as only the operator could."""
            self.put("manifest.json", content)
            hashed = hashlib.sha256(content).hexdigest()
            with fleet.database.write() as connection:
                connection.execute(update(model_versions).values(manifest_sha256=hashed))

        def change(self, change):
            manifest = json.loads(self.get("manifest.json"))
            change(manifest)
            self.vouch(json.dumps(manifest).encode())

        def replace(self, file, content):
            """With a manifest that vouches for it."""
            self.put(file, content)
            self.change(lambda manifest: manifest["files"].update({file: describe(content).model_dump()}))

        def delete(self, file):
            fleet.blobs.delete(self.prefix + file)

    return Stored()


def refuse(fleet, pattern):
    """On a machine that has not seen it before; nothing stays behind there, and what shipped is as good as ever."""
    machine = fleet.machine("fresh")
    with pytest.raises(InvalidModel, match=pattern) as caught:
        machine.load(LABEL)
    assert str(fleet.folder) not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert machine.load("compact@1")


def untouched(fleet):
    """Nothing lies in or beside the fresh machine's cache but the folders of versions."""
    names = {path.name for path in (fleet.folder / "fresh").rglob("*") if path.is_file()}
    return not names


@pytest.mark.parametrize("file", ["manifest.json", "model.safetensors", "previews/starry_night.jpg"])
def test_a_blob_that_is_missing_changed_cut_or_longer(fleet, stored, file):
    good = stored.get(file)
    for content in (good[:-1] + bytes([good[-1] ^ 1]), good[:-1], good + b"x", b""):
        stored.put(file, content)
        refuse(fleet, LABEL)
    stored.delete(file)
    refuse(fleet, f"{file.rpartition('/')[2]} of {LABEL} is not in the storage")
    assert untouched(fleet)
    stored.put(file, good)
    assert fleet.machine("fresh").load(LABEL)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"name": "compact", "version": NaN}']
)
def test_a_manifest_that_is_none(fleet, stored, content):
    stored.vouch(content)
    refuse(fleet, f"The manifest of {LABEL} is broken at ")


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda m: m["files"].update({"../../evil": m["files"]["model.safetensors"]}), "is broken at files"),
        (lambda m: m["files"].update({"/etc/passwd": m["files"]["model.safetensors"]}), "is broken at files"),
        (lambda m: m["files"].update({"-x": m["files"]["model.safetensors"]}), "cannot be stored under its name"),
        (lambda m: m["files"]["model.safetensors"].update(bytes=10**15), "is broken at files"),
        (lambda m: m["files"].pop("model.safetensors"), "does not list model.safetensors"),
        (lambda m: m.update(version=3), f"{LABEL} has the manifest of compact@3"),
        (lambda m: m.update(name="sketch"), f"{LABEL} has the manifest of sketch@2"),
        (lambda m: m["architecture"].update(name="os.system"), "is broken at architecture.name"),
        (lambda m: m["architecture"].update(options={"widths": [1024] * 2, "blocks": 64}), "not those of its arch"),
        (lambda m: m["styles"].append({"id": "third", "title": "Third"}), "has shape"),
    ],
)
def test_a_manifest_that_asks_for_what_it_should_not(fleet, stored, change, pattern):
    stored.change(change)
    refuse(fleet, pattern)
    assert not (fleet.folder / "evil").exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"PK\x03\x04 a pickle, perhaps"),
        ("model.safetensors", (10**9).to_bytes(8, "little") + b"{}"),
        ("model.safetensors", b""),
        ("previews/starry_night.jpg", b"<script>alert(1)</script>"),
        ("previews/starry_night.jpg", b"\x89PNG\r\n\x1a\n"),
    ],
)
def test_files_that_are_not_what_they_are_called(fleet, stored, file, content):
    """Although the manifest vouches for their bytes."""
    stored.replace(file, content)
    refuse(fleet, LABEL)


def test_a_storage_in_which_a_blob_is_a_folder(fleet, stored):
    stored.delete("model.safetensors")
    (fleet.folder / "blobs" / stored.prefix / "model.safetensors").mkdir()
    refuse(fleet, f"model.safetensors of {LABEL} is not in the storage")
