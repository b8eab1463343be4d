"""The style encoder of a served model."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import structlog

from app.engine.style_reader import StyleReader
from app.model_store.store import ModelStore
from app.registry.encoders import load_encoder
from app.registry.error import InvalidModel
from app.registry.label import label_of

# Versions of a model with one generator share an encoder, and few generators are served.
KEPT_READERS = 2

_log = structlog.get_logger(__name__)


class ServedEncoder:
    """Its networks take some megabytes, and are loaded when a style image comes.

    Attributes:
        generator_sha256: of the generator that its rows are for.
        label: `name@version`.
    """

    def __init__(self, generator_sha256: str, folder: Path) -> None:
        self.generator_sha256 = generator_sha256
        self.label = label_of(folder.parent.name, int(folder.name))
        self._folder = folder

    def reader(self) -> StyleReader:
        """Not for the event loop. Raises InvalidModel: the encoder is not what was published."""
        return _load(self._folder)


@lru_cache(maxsize=KEPT_READERS)
def _load(folder: Path) -> StyleReader:
    found = load_encoder(folder)
    return StyleReader(found.network, found.encoder, found.manifest.stroke)


def find_served_encoder(model_store: ModelStore, generator_sha256: str) -> ServedEncoder | None:
    """None where there is none: the model is served without it."""
    try:
        folder = model_store.encoder_folder(generator_sha256)
    except InvalidModel as error:
        _log.error("style_encoder_not_found", reason=str(error))
        return None
    return None if folder is None else ServedEncoder(generator_sha256, folder)
