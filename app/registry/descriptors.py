"""Loss networks in the model repository: `<name>/<version>/` like a model, but with `descriptor.json` as its manifest.

With another file name, code that looks for models does not find them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from app.nets.descriptor import Descriptor, UnknownLayout, load_descriptor
from app.registry.error import InvalidModel
from app.registry.label import label_of, parse_label
from app.registry.manifest import DescriptorManifest
from app.registry.publish import write_version
from app.registry.repository import WEIGHTS, Repository, describe, read_network_file, read_verified

DESCRIPTOR_MANIFEST = "descriptor.json"
SHIPPED_DESCRIPTOR = "slim"


def publish_descriptor(
    root: Path,
    name: str,
    descriptor: Descriptor,
    *,
    teachers: tuple[str, ...],
    recipe: dict[str, Any],
    metrics: dict[str, Any],
    card: str,
) -> DescriptorManifest:
    """Write the next version of the loss network `name`, in float16, and return its manifest."""
    tensors = {key: tensor.detach().cpu().half().contiguous() for key, tensor in descriptor.state_dict().items()}
    contents = {WEIGHTS: save(tensors), "card.md": card.encode()}
    manifest = DescriptorManifest(
        name=name,
        version=Repository(root).next_version(name),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        teachers=teachers,
        recipe=recipe,
        metrics=metrics,
        files={file: describe(content) for file, content in contents.items()},
    )
    load_descriptor(load(contents[WEIGHTS]))  # only what can be loaded again is published
    write_version(root / name / str(manifest.version), contents, manifest, DESCRIPTOR_MANIFEST)
    return manifest


def newest_version(root: Path, name: str) -> Path | None:
    """The folder of the newest version of a loss network, unverified; None if there is none."""
    numbers = numbered_networks(root, name)
    return root / name / str(numbers[-1]) if numbers else None


def load_published(root: Path, name: str) -> Descriptor:
    """The newest version of a loss network, verified.

    Raises:
        InvalidModel: there is none, or it does not match its manifest.
    """
    folder = newest_version(root, name)
    if folder is None:
        raise InvalidModel(f"There is no loss network {name}.")
    return load_network(folder)


def load_label(root: Path, label: str) -> Descriptor:
    """The loss network `name@version`, verified. Raises InvalidModel."""
    return load_network(folder_of(root, label))


def folder_of(root: Path, label: str) -> Path:
    """The folder of the loss network `name@version`, unverified. Raises InvalidModel if there is none."""
    name, version = parse_label(label)
    if version not in numbered_networks(root, name):
        raise InvalidModel(f"There is no loss network {label}.")
    return root / name / str(version)


def networks(root: Path) -> list[str]:
    """Labels `name@version` of all loss networks, unverified."""
    names = sorted(path.name for path in root.glob("*"))
    return [label_of(name, number) for name in names for number in numbered_networks(root, name)]


def numbered_networks(root: Path, name: str) -> list[int]:
    """Versions of a loss network, ascending, unverified."""
    numbers = Repository(root).numbered(name)
    return [number for number in numbers if (root / name / str(number) / DESCRIPTOR_MANIFEST).exists()]


def load_network(folder: Path) -> Descriptor:
    """The loss network in `<name>/<version>/`, verified. Raises InvalidModel."""
    manifest = read_network_manifest(folder)
    for file in manifest.files.keys() - {WEIGHTS}:
        read_verified(folder, file, manifest)
    return build_network(manifest.label, read_verified(folder, WEIGHTS, manifest))


def read_network_manifest(folder: Path) -> DescriptorManifest:
    """The manifest in a loss network's folder, valid but not compared with the files. Raises InvalidModel."""
    return read_network_file(folder, DESCRIPTOR_MANIFEST, DescriptorManifest, "loss network")


def build_network(label: str, content: bytes) -> Descriptor:
    """Build a loss network from the bytes of a weights file. Raises InvalidModel."""
    try:
        tensors = load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InvalidModel(f"The weights of {label} cannot be read: {error}.") from error
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise InvalidModel(f"The weights of {label} have values that are not finite.")
    try:
        return load_descriptor(tensors)
    except UnknownLayout as error:
        raise InvalidModel(f"The weights of {label} are no loss network: {error}") from error
