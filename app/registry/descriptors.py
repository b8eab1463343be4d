"""Loss networks in the model repository: `<name>/<version>/` like a model, but with `descriptor.json` as its manifest.

The other file name keeps them apart: nothing that looks for models finds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import load, save

from app.nets.descriptor import Descriptor, load_descriptor
from app.registry.manifest import DescriptorManifest
from app.registry.publish import write_version
from app.registry.repository import (
    MANIFEST_BYTES,
    WEIGHTS,
    InvalidModel,
    Repository,
    describe,
    read_at_most,
    read_verified,
)

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
    load_descriptor(load(contents[WEIGHTS]))  # what could not be loaded again is not published
    write_version(root / name / str(manifest.version), contents, manifest, DESCRIPTOR_MANIFEST)
    return manifest


def newest_version(root: Path, name: str) -> Path | None:
    """The folder of the newest version of a loss network, None where there is none. Nothing in it is checked."""
    folders = [root / name / str(number) for number in Repository(root).numbered(name)]
    return next((folder for folder in reversed(folders) if (folder / DESCRIPTOR_MANIFEST).exists()), None)


def load_published(root: Path, name: str) -> Descriptor:
    """The newest version of a loss network, verified.

    Raises:
        InvalidModel: if there is none, or it is not what its manifest says.
    """
    folder = newest_version(root, name)
    if folder is None:
        raise InvalidModel(f"There is no loss network {name}.")
    try:
        content = read_at_most(folder / DESCRIPTOR_MANIFEST, MANIFEST_BYTES)
        manifest = DescriptorManifest.model_validate_json(content)
    except (OSError, ValidationError) as error:
        raise InvalidModel(f"The manifest of {name}@{folder.name} is broken: {error}.") from error
    tensors: Mapping[str, torch.Tensor] = load(read_verified(folder, WEIGHTS, manifest))
    return load_descriptor(tensors)
