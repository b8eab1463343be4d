"""What the service offers: its models by name, their styles, and the previews."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.errors import InvalidOption, NotFound
from app.registry.manifest import Manifest, Style
from app.registry.repository import Model, read_verified

MEDIA_TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@dataclass(frozen=True)
class Preview:
    """A picture that never changes; `sha256` is the one in the manifest."""

    data: bytes
    media_type: str
    sha256: str


class Catalogue:
    """The loaded models; the first is the default.

    Args:
        models: verified, at least one. Their previews are read now: a folder may change or go later.

    Raises:
        InvalidModel: a preview is not what was published.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self.manifests = tuple(model.manifest for model in models)
        self._previews = {
            (model.manifest.label, style.id): preview
            for model in models
            for style in model.manifest.styles
            if (preview := read_preview(model, style))
        }

    @property
    def labels(self) -> list[str]:
        """`name@version` of every model."""
        return [manifest.label for manifest in self.manifests]

    def model(self, name: str | None) -> Manifest:
        """By its name or its label; None is the default. Raises InvalidOption for one that is not loaded."""
        for manifest in self.manifests:
            if name is None or name in (manifest.name, manifest.label):
                return manifest
        raise InvalidOption(f"There is no model {quoted(name or '')}.", models=self.labels)

    def styles(self, model: str | None) -> Iterator[tuple[Manifest, Style]]:
        """Every style of one model, or of all of them."""
        manifests = self.manifests if model is None else (self.model(model),)
        return ((manifest, style) for manifest in manifests for style in manifest.styles)

    def style(self, style_id: str, model: str | None) -> tuple[Manifest, Style]:
        """The style, from the first model that has it. Raises NotFound, or InvalidOption for an unknown model."""
        offered = list(self.styles(model))
        for manifest, style in offered:
            if style.id == style_id:
                return manifest, style
        nearest = nearest_names(style_id, (style.id for _, style in offered))
        raise NotFound(f"There is no style {quoted(style_id)}.", nearest=nearest)

    def preview(self, manifest: Manifest, style: Style) -> Preview | None:
        return self._previews.get((manifest.label, style.id))


def read_preview(model: Model, style: Style) -> Preview | None:
    if style.preview is None:
        return None
    data = read_verified(model.folder, style.preview, model.manifest)
    media_type = MEDIA_TYPES.get(style.preview.rpartition(".")[2].lower(), "application/octet-stream")
    return Preview(data, media_type, model.manifest.files[style.preview].sha256)


def nearest_names(wanted: str, names: Iterable[str]) -> list[str]:
    """At most three names that look like a misspelling of `wanted`, the likeliest first."""
    return difflib.get_close_matches(wanted.lower()[:64], list(dict.fromkeys(names)), n=3, cutoff=0.5)


def quoted(text: str) -> str:
    """A client's own words in a sentence for it: in quotes, printable, and not endless."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")
