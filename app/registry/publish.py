"""Publishing: a new version is written beside the others and appears whole, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from app.nets.generators import Trunk
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture, Manifest, Style, Version
from app.registry.repository import MANIFEST, WEIGHTS, Repository, build, describe


@dataclass(frozen=True)
class Draft:
    """A version in memory: its manifest, and its files by name. It has been loaded from these bytes once."""

    manifest: Manifest
    contents: Mapping[str, bytes]


def publish(
    root: Path,
    name: str,
    generator: Trunk,
    rows: StyleRows,
    *,
    architecture: Architecture,
    styles: tuple[Style, ...],
    descriptor: str,
    recipe: dict[str, Any],
    metrics: dict[str, Any],
    extras: Mapping[str, bytes],
) -> Manifest:
    """Write the next version of `name` and return its manifest.

    Weights are stored as float16, half the size at a precision (11 bits) above that of the pictures; style rows stay
    float32, since `add` promises that old rows never change.

    Args:
        extras: further files by name: `card.md`, `previews/<style>.jpg`.

    Raises:
        InvalidModel: if a weight is not finite, in float16 too, or the parts do not fit together.
    """
    whole = nn.ModuleDict({"generator": generator, "rows": rows})
    tensors = {
        key: tensor.detach().cpu().to(torch.float16 if key.startswith("generator.") else torch.float32).contiguous()
        for key, tensor in whole.state_dict().items()
    }
    contents = {WEIGHTS: save(tensors), **extras}
    manifest = Manifest(
        name=name,
        version=Repository(root).next_version(name),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        architecture=architecture,
        styles=styles,
        descriptor=descriptor,
        recipe=recipe,
        metrics=metrics,
        files={file: describe(content) for file, content in contents.items()},
    )
    build(manifest, contents[WEIGHTS])  # what could not be loaded again is not published
    write_version(root / name / str(manifest.version), contents, manifest)
    return manifest


def write_version(folder: Path, contents: Mapping[str, bytes], manifest: Version, name: str = MANIFEST) -> None:
    """All files into a folder of another name first; renaming it is the one moment in which the version appears.

    Args:
        name: file name of the manifest.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for file, content in {**contents, name: manifest.model_dump_json(indent=2).encode() + b"\n"}.items():
        path = unfinished / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as opened:
            opened.write(content)
            os.fsync(opened.fileno())
    unfinished.rename(folder)
