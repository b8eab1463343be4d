"""The model repository: a folder of `<name>/<version>/` folders, each verified before anything in it is used."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from app.errors import RequestError
from app.imaging.decode import probe
from app.nets.architectures import build_generator, check_styles
from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.error import InvalidModel, MissingModel
from app.registry.label import is_model_name, is_version, label_of, parse_label
from app.registry.manifest import File, Manifest, Version

AnyVersion = TypeVar("AnyVersion", bound=Version)

WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"
ALL = "*"  # as a reference: every other model
# A manifest has names and figures, and is never larger.
MANIFEST_BYTES = 4_000_000
PREVIEW_MEGAPIXELS = 16


@dataclass(frozen=True)
class Model:
    """A verified version in memory."""

    manifest: Manifest
    folder: Path
    generator: Generator
    rows: StyleRows

    def preview(self, style_id: str) -> Path | None:
        """The preview of a style, None if it has none. Raises KeyError for an unknown style."""
        style = {style.id: style for style in self.manifest.styles}[style_id]
        return self.folder / style.preview if style.preview else None


class Repository:
    """The models in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Models that have at least one version."""
        return sorted(path.name for path in self.root.glob("*") if self.versions(path.name))

    def expand(self, entries: Sequence[str]) -> tuple[str, ...]:
        """References to load; `ALL` is replaced by every model that no other entry names."""
        named = {entry.partition("@")[0] for entry in entries}
        others = [name for name in self.names() if name not in named]
        return tuple(name for entry in entries for name in (others if entry == ALL else [entry]))

    def versions(self, name: str) -> list[int]:
        """Published versions, ascending. The manifest is written last, so a folder without one is not a version."""
        return [version for version in self.numbered(name) if (self.root / name / str(version) / MANIFEST).exists()]

    def next_version(self, name: str) -> int:
        """The next number to publish: above every existing folder, whether that is a version or not."""
        return max(self.numbered(name), default=0) + 1

    def numbered(self, name: str) -> list[int]:
        """Folders of a model that are named like versions, ascending."""
        if not is_model_name(name):  # so that nothing outside of the root is found
            return []
        return sorted(int(path.name) for path in (self.root / name).glob("*") if is_version(path.name))

    def load(self, reference: str) -> Model:
        """Verify and load `name` (its newest version) or `name@version`.

        Raises:
            InvalidModel: it is missing, or does not match its manifest.
        """
        name, pinned = parse_label(reference)
        versions = self.versions(name)
        if not versions or (pinned and pinned not in versions):
            raise MissingModel(f"There is no model {reference}.")
        version = pinned or versions[-1]
        return load_version(self.root / name / str(version), label_of(name, version))


def load_version(folder: Path, label: str) -> Model:
    """Verify and load the version `label` from a folder of any name. Raises InvalidModel."""
    manifest = verify_files(folder, label)
    generator, rows = build(manifest, read_verified(folder, WEIGHTS, manifest))
    return Model(manifest, folder, generator, rows)


def verify_files(folder: Path, label: str) -> Manifest:
    """The manifest of `label`, after verifying all files against it. Raises InvalidModel."""
    manifest = read_manifest(folder, label)
    if manifest.label != label:
        raise InvalidModel(f"{label} has the manifest of {manifest.label}.")
    previews = {style.preview for style in manifest.styles}
    for file in manifest.files:
        content = read_verified(folder, file, manifest)
        if file in previews:
            check_preview(file, content, manifest)
    return manifest


def read_network_file(folder: Path, file: str, kind: type[AnyVersion], noun: str) -> AnyVersion:
    """The manifest of a network that is no model, valid but not compared with its files. Raises InvalidModel.

    Args:
        file: name of the manifest.
        noun: kind of network, for messages.
    """
    label = f"{folder.parent.name}@{folder.name}"
    try:
        manifest = kind.model_validate_json(read_at_most(folder / file, MANIFEST_BYTES))
    except (OSError, ValidationError) as error:
        raise InvalidModel(f"The manifest of {label} is broken: {error}.") from error
    if manifest.label != label or WEIGHTS not in manifest.files:
        raise InvalidModel(f"The manifest of {label} is not one of that {noun}.")
    return manifest


def check_preview(file: str, content: bytes, manifest: Manifest) -> None:
    """Raise InvalidModel unless it is an image that browsers show, of a size that suits a page."""
    try:
        probe(content, PREVIEW_MEGAPIXELS)
    except RequestError as error:
        raise InvalidModel(f"{file} of {manifest.label} cannot be a preview: {error.detail}") from error


def read_manifest(folder: Path, label: str | None = None) -> Manifest:
    """The manifest in a version's folder. Raises InvalidModel if it is missing, invalid or inconsistent."""
    label = label or f"{folder.parent.name}@{folder.name}"
    try:
        content = read_at_most(folder / MANIFEST, MANIFEST_BYTES)
    except OSError as error:
        raise InvalidModel(f"The manifest of {label} cannot be read: {error.strerror or error}.") from error
    return parse_manifest(content, label)


def parse_manifest(content: bytes, label: str) -> Manifest:
    """Parse a manifest; `label` is used in messages. Raises InvalidModel if it is invalid or inconsistent."""
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InvalidModel(f"The manifest of {label} is broken at {where}: {first['msg']}.") from error
    ids = manifest.style_ids
    if len(set(ids)) != len(ids):
        raise InvalidModel(f"{manifest.label} has two styles with one id.")
    missing = {WEIGHTS, *(style.preview for style in manifest.styles if style.preview)} - set(manifest.files)
    if missing:
        raise InvalidModel(f"The manifest of {manifest.label} does not list {', '.join(sorted(missing))}.")
    return manifest


def read_verified(folder: Path, file: str, manifest: Version) -> bytes:
    """The bytes of a listed file. Raises InvalidModel if its size or SHA-256 is another."""
    expected = manifest.files[file]
    try:
        content = read_at_most(folder / file, expected.bytes)
    except OSError as error:
        raise InvalidModel(f"{file} of {manifest.label} cannot be read: {error.strerror or error}.") from error
    if len(content) != expected.bytes:
        raise InvalidModel(f"{file} of {manifest.label} has another size than when it was published.")
    if describe(content) != expected:
        raise InvalidModel(f"{file} of {manifest.label} has another SHA-256 than when it was published.")
    return content


def read_at_most(path: Path, limit: int) -> bytes:
    """The bytes of a regular file (a device or pipe might never end). Raises OSError, also if beyond `limit`."""
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "there is no such file")
    if path.stat().st_size > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes")
    return path.read_bytes()


def describe(content: bytes) -> File:
    return File(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def build(manifest: Manifest, content: bytes) -> tuple[Generator, StyleRows]:
    """Generator and rows, in float32, from the bytes of a weights file, which may store float16."""
    wanted = manifest.architecture
    # No memory is allocated yet: a manifest can ask for gigabytes, but the file must contain them.
    with torch.device("meta"):
        try:
            generator = build_generator(wanted.name, wanted.options, wanted.norm)
            check_styles(generator, len(manifest.styles))
        except ValueError as error:
            raise InvalidModel(f"The architecture of {manifest.label} cannot be built: {error}.") from error
        rows = StyleRows(len(manifest.styles), generator.features)
    try:
        tensors = load_tensors(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InvalidModel(f"The weights of {manifest.label} cannot be read: {error}.") from error
    whole = nn.ModuleDict({"generator": generator, "rows": rows})
    check_tensors(manifest.label, tensors, whole.state_dict())
    whole.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
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
        if name.endswith(".variance") and (tensor < 0).any():
            raise InvalidModel(f"{name} of {label} has values below 0, which no variance has.")
