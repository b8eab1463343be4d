"""Publishing: a new version is written beside the others, and appears atomically."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from app.nets.generators import Generator
from app.nets.norm import StyleRows
from app.registry.error import InvalidModel
from app.registry.manifest import Appended, Architecture, Manifest, Style, Version
from app.registry.repository import MANIFEST, WEIGHTS, Model, Repository, build, describe, load_version, read_verified
from app.storage.atomic import filling, sync

# Version number of a draft until its own is known.
UNNUMBERED = 1
ROWS = ("rows.gamma", "rows.beta")


@dataclass(frozen=True)
class Draft:
    """A version in memory: its manifest, and its files by name."""

    manifest: Manifest
    contents: Mapping[str, bytes]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors as they are stored."""
        return load(self.contents[WEIGHTS])

    def load(self) -> tuple[Generator, StyleRows]:
        """Load the model from the files. Raises InvalidModel."""
        return build(self.manifest, self.contents[WEIGHTS])

    def with_metrics(self, **metrics: Any) -> Draft:
        return replace(self, manifest=self.manifest.model_copy(update={"metrics": self.manifest.metrics | metrics}))

    def write(self, root: Path, version: int | None = None) -> Manifest:
        """Write `<root>/<name>/<version>/`, by default with the next free version, and verify it.

        Raises:
            InvalidModel: what was written is not valid; the folder is deleted then.
            FileExistsError: that version exists already.
        """
        name = self.manifest.name
        number = version or Repository(root).next_version(name)
        manifest = self.manifest.model_copy(update={"version": number})
        folder = root / name / str(number)
        if folder.exists():
            raise FileExistsError(f"{manifest.label} is there already.")
        write_version(folder, self.contents, manifest)
        try:
            load_version(folder, manifest.label)
        except InvalidModel:
            shutil.rmtree(folder)
            raise
        return manifest


def draft(
    name: str,
    generator: Generator,
    rows: StyleRows,
    *,
    architecture: Architecture,
    styles: tuple[Style, ...],
    descriptor: str,
    recipe: dict[str, Any],
    metrics: dict[str, Any],
    extras: Mapping[str, bytes],
) -> Draft:
    """A version of a model whose generator was trained, too.

    Weights are stored as float16: half the size, and its 11 bits of precision are more than an image has. Style rows
    stay float32, since `train add` promises that old rows never change; so do running statistics, beyond float16's
    range.

    Args:
        extras: further files by name: `card.md`, `previews/<style>.jpg`.

    Raises:
        InvalidModel: a weight is not finite (also in float16), or the parts do not fit together.
    """
    whole = nn.ModuleDict({"generator": generator, "rows": rows})
    halved = {f"generator.{name}" for name, _ in generator.named_parameters()}
    tensors = {
        key: tensor.detach().cpu().to(torch.float16 if key in halved else torch.float32).contiguous()
        for key, tensor in whole.state_dict().items()
    }
    contents = {WEIGHTS: save(tensors), **extras}
    manifest = Manifest(
        name=name,
        version=UNNUMBERED,
        created=now(),
        architecture=architecture,
        styles=styles,
        descriptor=descriptor,
        recipe=recipe,
        metrics=metrics,
        files={file: describe(content) for file, content in contents.items()},
    )
    return loadable(Draft(manifest, contents))


def draft_addition(
    base: Model,
    rows: StyleRows,
    *,
    styles: tuple[Style, ...],
    appended: Appended,
    metrics: dict[str, Any],
    extras: Mapping[str, bytes],
) -> Draft:
    """A version of `base` with the rows of further styles appended; everything else equals `base`, bit for bit.

    Args:
        rows: those of the new `styles` alone.
        metrics: added to those of the base.
        extras: the card, and the previews of the new styles; those of the old ones are copied.

    Raises:
        InvalidModel: the base has changed since it was published, a value is not finite, or an id occurs twice.
    """
    if twice := sorted({style.id for style in styles} & set(base.manifest.style_ids)):
        raise InvalidModel(f"{base.manifest.label} has a style {', '.join(twice)} already.")
    kept = {
        file: read_verified(base.folder, file, base.manifest)
        for file in base.manifest.files
        if file != WEIGHTS and file not in extras
    }
    before = load(read_verified(base.folder, WEIGHTS, base.manifest))
    contents = {WEIGHTS: save(append_rows(before, rows)), **kept, **extras}
    manifest = base.manifest.model_copy(
        update={
            "version": UNNUMBERED,
            "created": now(),
            "styles": (*base.manifest.styles, *styles),
            "additions": (*base.manifest.additions, appended),
            "metrics": base.manifest.metrics | metrics,
            "files": {file: describe(content) for file, content in contents.items()},
        }
    )
    return loadable(Draft(manifest, contents))


def append_rows(tensors: Mapping[str, Tensor], rows: StyleRows) -> dict[str, Tensor]:
    """The stored tensors with further rows, in the dtype of the old ones."""
    new = {f"rows.{name}": tensor.detach().cpu() for name, tensor in rows.state_dict().items()}
    return {
        name: torch.cat([tensor, new[name].to(tensor.dtype)]) if name in ROWS else tensor
        for name, tensor in tensors.items()
    }


def loadable(draft: Draft) -> Draft:
    """The same draft, if it can be loaded again: only that is published. Raises InvalidModel."""
    draft.load()
    return draft


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_version(folder: Path, contents: Mapping[str, bytes], manifest: Version, name: str = MANIFEST) -> None:
    """Write all files into a temporary folder, and rename it, which publishes the version atomically.

    Args:
        name: file name of the manifest.
    """
    with filling(folder) as part:
        for file, content in {**contents, name: manifest.model_dump_json(indent=2).encode() + b"\n"}.items():
            path = part / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sync(path)
