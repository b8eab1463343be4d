"""The served models by name, their styles and previews."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.engine.stylizer import Stylizer
from app.errors import InvalidOption, NoStyleEncoder, NotFound
from app.registry.manifest import Manifest, Style
from app.registry.repository import Model, read_verified
from app.registry.style_search import nearest
from app.serving.served_encoder import ServedEncoder

MEDIA_TYPES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}

# In place of a model's name, every model.
ALL = "all"


@dataclass(frozen=True)
class Preview:
    """An immutable image; `sha256` is the one in the manifest."""

    data: bytes
    media_type: str
    sha256: str


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A served version of a model: its manifest, its stylizer, its previews by style id, and its style encoder."""

    manifest: Manifest
    stylizer: Stylizer
    previews: Mapping[str, Preview]
    encoder: ServedEncoder | None = None

    @property
    def label(self) -> str:
        return self.manifest.label


def load_served_model(model: Model, stylizer: Stylizer, encoder: ServedEncoder | None = None) -> ServedModel:
    """Load a model with its previews, since its folder may change or vanish later.

    Raises:
        InvalidModel: a preview has changed since it was published.
    """
    previews = {style.id: found for style in model.manifest.styles if (found := read_preview(model, style))}
    return ServedModel(model.manifest, stylizer, previews, encoder)


class Catalogue:
    """The loaded models, at least one; the first is the default.

    It is immutable: when versions are swapped, a new catalogue replaces it. A request uses one catalogue throughout.
    """

    def __init__(self, served_models: Sequence[ServedModel]) -> None:
        self._served = {shown.label: shown for shown in served_models}
        self.manifests = tuple(shown.manifest for shown in self._served.values())

    @property
    def stylizers(self) -> Mapping[str, Stylizer]:
        """Stylizers by label of their model."""
        return {label: shown.stylizer for label, shown in self._served.items()}

    @property
    def labels(self) -> list[str]:
        """`name@version` of every model."""
        return [manifest.label for manifest in self.manifests]

    def model(self, name: str | None) -> Manifest:
        """A model by name or label; None is the default. Raises InvalidOption if it is not loaded."""
        for manifest in self.manifests:
            if name is None or name in (manifest.name, manifest.label):
                return manifest
        raise InvalidOption(f"There is no model {quoted(name or '')}.", models=self.labels)

    def styles(self, model: str | None = ALL) -> Iterator[tuple[Manifest, Style]]:
        """The styles of a model (None is the default), or with `ALL`, of every model. Raises InvalidOption."""
        manifests = self.manifests if model == ALL else (self.model(model),)
        return ((manifest, style) for manifest in manifests for style in manifest.styles)

    def style(self, style_id: str, model: str | None) -> tuple[Manifest, Style]:
        """The style, from the first model that has it. Raises NotFound, or InvalidOption for an unknown model."""
        offered = list(self.styles(ALL if model is None else model))
        for manifest, style in offered:
            if style.id == style_id:
                return manifest, style
        meant = nearest(style_id, [style for _, style in offered])
        raise NotFound(f"There is no style {quoted(style_id)}.", nearest=meant)

    def preview(self, manifest: Manifest, style: Style) -> Preview | None:
        return self._served[manifest.label].previews.get(style.id)

    def takes_images(self, manifest: Manifest) -> bool:
        """Whether this model has a style encoder."""
        return self._served[manifest.label].encoder is not None

    def encoder(self, manifest: Manifest) -> ServedEncoder:
        """The style encoder of this model. Raises NoStyleEncoder."""
        found = self._served[manifest.label].encoder
        if found is None:
            others = [label for label, shown in self._served.items() if shown.encoder is not None]
            raise NoStyleEncoder(
                f"The model {manifest.label} has no style encoder, so it takes no style images: use one of its own "
                "styles" + (f", or the model {others[0]}." if others else "."),
                models=others,
            )
        return found

    def stylizer(self, manifest: Manifest) -> Stylizer:
        """The stylizer of this model; a request that holds it can finish with it after a swap."""
        return self._served[manifest.label].stylizer


def read_preview(model: Model, style: Style) -> Preview | None:
    if style.preview is None:
        return None
    data = read_verified(model.folder, style.preview, model.manifest)
    media_type = MEDIA_TYPES.get(style.preview.rpartition(".")[2].lower(), "application/octet-stream")
    return Preview(data, media_type, model.manifest.files[style.preview].sha256)


def nearest_names(wanted: str, names: Iterable[str]) -> list[str]:
    """At most three names of which `wanted` may be a misspelling, best first."""
    return difflib.get_close_matches(wanted.lower()[:64], list(dict.fromkeys(names)), n=3, cutoff=0.5)


def quoted(text: str) -> str:
    """A client's own words for use in a message: quoted, printable, and shortened."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")
