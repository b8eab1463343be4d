"""The model watcher: a thread that loads versions which have become active, and swaps them in.

Requests are answered meanwhile; those that began on the old version finish on it. If anything fails, the old version
stays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from app.engine.device import Device, limit_this_thread
from app.engine.engine import Engine
from app.errors import LedgerUnavailable, ServiceError
from app.model_store.loading import load_stylizer
from app.model_store.store import ModelStore
from app.registry.error import InvalidModel, MissingModel
from app.registry.label import label_of, parse_label
from app.serving.catalogue import Catalogue, ServedModel, load_served_model
from app.serving.served_encoder import find_served_encoder

# Niceness of the thread that warms up a new version while the engine works.
THREADS = 1
# Seconds before a version that could not be loaded is tried again: its storage may be back, or its files repaired.
RETRY_SECONDS = 15
STOP_SECONDS = 5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Refusal:
    """An active version that cannot be served; `reason` is a public sentence."""

    label: str
    reason: str
    until: float


class ModelWatcher:
    """The models of one process.

    Args:
        models: as in the settings: names, whose active version is followed, and `name@version`, which is kept. Other
            models are served as soon as they have an active version.
    """

    def __init__(self, models: Sequence[str], model_store: ModelStore, device: Device, every_seconds: float) -> None:
        self._models = tuple(models)
        self._model_store = model_store
        self._device = device
        self._every_seconds = every_seconds
        self._shown: dict[str, ServedModel] = {}
        self._refusals: dict[str, Refusal] = {}
        self._connected = True
        self._over = threading.Event()
        self._limited = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def refusals(self) -> list[Refusal]:
        """Active versions that cannot be served; normally none."""
        return list(self._refusals.values())

    def open(self) -> Catalogue:
        """Load what is served at first. If a version cannot be loaded, the one before or the shipped one replaces it.

        Raises:
            InvalidModel: no version of the default model can be used, or a model in the settings does not exist.
        """
        for name, label in self._wanted(self._active_at_start()).items():
            found = self._first_of(name, label)
            if found is not None:
                self._shown[name] = found
        return Catalogue(list(self._shown.values()))

    def start(self, engine: Engine, show: Callable[[Catalogue], None]) -> None:
        """Start watching as soon as the engine runs. Must be called before it computes anything.

        Args:
            show: called with each new catalogue, once the engine has its models.
        """
        self._thread = threading.Thread(target=self._run, args=(engine, show), name="model-watcher", daemon=True)
        self._thread.start()
        self._limited.wait()

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        self._model_store.close()

    def _run(self, engine: Engine, show: Callable[[Catalogue], None]) -> None:
        limit_this_thread(THREADS)
        self._limited.set()
        while not self._over.wait(self._every_seconds):
            if not engine.health.alive:
                continue
            try:
                self._once(engine, show)
            except LedgerUnavailable as error:
                self._note_outage(error.private or error.detail)
            except Exception as error:  # noqa: BLE001 - the old versions stay, and it tries again
                self._note_outage(repr(error))

    def _once(self, engine: Engine, show: Callable[[Catalogue], None]) -> None:
        active = self._model_store.active()
        self._connected = True
        wanted = self._wanted(active)
        self._refusals = {
            name: refusal for name, refusal in self._refusals.items() if refusal.label == wanted.get(name)
        }
        shown = {name: self._next(name, label) for name, label in wanted.items()}
        found = {name: served for name, served in shown.items() if served is not None}
        if found != self._shown:
            catalogue = Catalogue(list(found.values()))
            engine.swap(catalogue.stylizers)
            self._shown = found
            show(catalogue)
            _log.info("models_swapped", models=catalogue.labels)
        self._remember(active)

    def _wanted(self, active: Mapping[str, int]) -> dict[str, str]:
        """Labels to serve, by entry of the settings or by name of another active model."""
        wanted = {}
        for entry in self._models:
            name, pinned = parse_label(entry)
            wanted[entry] = entry if pinned else self._label(name, active)
        others = sorted(set(active) - {parse_label(entry)[0] for entry in self._models})
        return wanted | {name: label_of(name, active[name]) for name in others}

    def _label(self, name: str, active: Mapping[str, int]) -> str:
        if name in active:
            return label_of(name, active[name])
        if name in self._shown:
            return self._shown[name].label
        return label_of(name, self._model_store.newest_shipped(name) or 1)

    def _next(self, name: str, label: str) -> ServedModel | None:
        """What to serve for `name` next: the version `label`, or the one that is served already if that fails."""
        now = self._shown.get(name)
        if now is not None and now.label == label:
            return now
        refusal = self._refusals.get(name)
        if refusal is not None and time.monotonic() < refusal.until:
            return now
        try:
            found = self._load(label)
            found.stylizer.warm(batches=1)
        except Exception as error:  # noqa: BLE001 - whatever is wrong, the version before stays
            self._refuse(name, label, error)
            return now
        self._refusals.pop(name, None)
        return found

    def _load(self, label: str) -> ServedModel:
        """Load a version, or reuse it if it is served under another name already."""
        for shown in self._shown.values():
            if shown.label == label:
                return shown
        loaded = load_stylizer(self._model_store, label, self._device)
        encoder = find_served_encoder(self._model_store, loaded.generator_sha256)
        return load_served_model(loaded.model, loaded.stylizer, encoder)

    def _refuse(self, name: str, label: str, error: Exception) -> None:
        known = self._refusals.get(name)
        reason = sentence(error)
        if known is None or (known.label, known.reason) != (label, reason):
            private = getattr(error, "private", None) or repr(error)
            _log.error("model_not_loaded", model=label, reason=reason, private=private)
        self._refusals[name] = Refusal(label, reason, time.monotonic() + RETRY_SECONDS)

    def _active_at_start(self) -> Mapping[str, int]:
        try:
            return self._model_store.active()
        except LedgerUnavailable as error:
            self._note_outage(error.private or error.detail)
            return self._model_store.remembered()

    def _first_of(self, name: str, label: str) -> ServedModel | None:
        """The version `label`, or a replacement. None if there is none, and the service can start without.

        Raises:
            InvalidModel: there is none of the default model, or a model in the settings does not exist.
        """
        failures: list[Exception] = []
        for tried in dict.fromkeys([label, *self._instead(name)]):
            try:
                return self._load(tried)
            except Exception as error:  # noqa: BLE001 - as in `_next`
                failures.append(error)
                if tried == label:
                    self._refuse(name, label, error)
        # The first is the default, and an unknown name is a mistake in the settings; any other broken model is no
        # reason not to serve the rest.
        if name == self._models[0] or (name in self._models and isinstance(failures[0], MissingModel)):
            raise InvalidModel(sentence(failures[0])) from failures[0]
        return None

    def _instead(self, entry: str) -> list[str]:
        name, pinned = parse_label(entry)
        versions = () if pinned else (self._model_store.remembered().get(name), self._model_store.newest_shipped(name))
        return [label_of(name, version) for version in versions if version]

    def _remember(self, active: Mapping[str, int]) -> None:
        shown = {name: served.manifest.version for name, served in self._shown.items() if name in active}
        try:
            self._model_store.remember(shown)
        except OSError as error:
            _log.warning("active_models_not_remembered", reason=repr(error))

    def _note_outage(self, reason: str) -> None:
        if self._connected:
            _log.warning("models_not_followed", reason=reason)
        self._connected = False


def sentence(error: Exception) -> str:
    """The public reason, without private details."""
    if isinstance(error, InvalidModel):
        return str(error)
    if isinstance(error, ServiceError):
        return error.detail
    return "The model cannot be loaded on this machine."
