"""The model repository: a folder of `<name>/<version>/` folders, each verified whole before anything of it is used."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from app.nets.generators import ARCHITECTURES, Trunk
from app.nets.norm import StyleRows
from app.registry.manifest import File, Manifest

WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"
# A manifest holds names and figures. More than this is not one.
MANIFEST_BYTES = 4_000_000


class InvalidModel(Exception):
    """A version that must not be used; the sentence says what is wrong with it."""


@dataclass(frozen=True)
class Model:
    """A verified version in memory."""

    manifest: Manifest
    folder: Path
    generator: Trunk
    rows: StyleRows

    def preview(self, style_id: str) -> Path | None:
        """The preview picture of a style, where it has one. KeyError: no such style."""
        style = {style.id: style for style in self.manifest.styles}[style_id]
        return self.folder / style.preview if style.preview else None


class Repository:
    """The versions below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Models that have at least one version."""
        return sorted({path.parent.parent.name for path in self.root.glob(f"*/*/{MANIFEST}")})

    def versions(self, name: str) -> list[int]:
        """Published versions, ascending. The manifest is written last, so a folder without one is not a version."""
        found = (path.parent.name for path in (self.root / name).glob(f"*/{MANIFEST}"))
        return sorted(int(version) for version in found if version.isdecimal())

    def load(self, reference: str) -> Model:
        """Verify and load `name` (its newest version) or `name@version`.

        Raises:
            InvalidModel: if it is missing, or anything in it is not what its manifest says.
        """
        name, _, wanted = reference.partition("@")
        versions = self.versions(name)
        if not versions or (wanted and wanted not in map(str, versions)):
            raise InvalidModel(f"There is no model {reference}.")
        folder = self.root / name / (wanted or str(versions[-1]))
        manifest = read_manifest(folder)
        if manifest.label != f"{name}@{folder.name}":
            raise InvalidModel(f"{name}@{folder.name} has the manifest of {manifest.label}.")
        contents = {file: read_verified(folder, file, manifest) for file in manifest.files}
        generator, rows = build(manifest, contents[WEIGHTS])
        return Model(manifest, folder, generator, rows)


def read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MANIFEST_BYTES:
            raise InvalidModel(f"The manifest of {folder.parent.name} {folder.name} is too large to be one.")
        manifest = Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidModel(f"The manifest of {folder.parent.name} {folder.name} is broken: {error}") from error
    ids = manifest.style_ids
    if len(set(ids)) != len(ids):
        raise InvalidModel(f"{manifest.label} has two styles with one id.")
    missing = {WEIGHTS, *(style.preview for style in manifest.styles if style.preview)} - set(manifest.files)
    if missing:
        raise InvalidModel(f"The manifest of {manifest.label} does not list {', '.join(sorted(missing))}.")
    return manifest


def read_verified(folder: Path, file: str, manifest: Manifest) -> bytes:
    """A listed file's bytes, once they are the ones that were published."""
    expected = manifest.files[file]
    path = folder / file
    try:
        if path.stat().st_size != expected.bytes:
            raise InvalidModel(f"{file} of {manifest.label} has another size than when it was published.")
        content = path.read_bytes()
    except OSError as error:
        raise InvalidModel(f"{file} of {manifest.label} cannot be read: {error}") from error
    if describe(content) != expected:
        raise InvalidModel(f"{file} of {manifest.label} has another SHA-256 than when it was published.")
    return content


def describe(content: bytes) -> File:
    return File(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def build(manifest: Manifest, content: bytes) -> tuple[Trunk, StyleRows]:
    """Generator and rows in float32 from the bytes of a weights file, whose floats may be stored narrower."""
    try:
        tensors = load_tensors(content)
        generator = ARCHITECTURES[manifest.architecture.name](**manifest.architecture.options)
    except (SafetensorError, TypeError, ValueError, RuntimeError) as error:
        raise InvalidModel(f"The weights of {manifest.label} cannot be read: {error}") from error
    rows = StyleRows(len(manifest.styles), generator.features)
    whole = nn.ModuleDict({"generator": generator, "rows": rows})
    check_tensors(manifest.label, tensors, whole.state_dict())
    whole.load_state_dict(tensors)
    return generator.eval().requires_grad_(False), rows.requires_grad_(False)


def check_tensors(label: str, tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    if tensors.keys() != expected.keys():
        odd = sorted(tensors.keys() ^ expected.keys())
        raise InvalidModel(f"The weights of {label} are not those of its architecture: {', '.join(odd[:3])}.")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise InvalidModel(f"{name} of {label} has shape {tuple(tensor.shape)}, not {tuple(expected[name].shape)}.")
        if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
            raise InvalidModel(f"{name} of {label} is of {tensor.dtype}, which no weight is.")
        if not tensor.isfinite().all():
            raise InvalidModel(f"{name} of {label} has values that are not finite.")
