"""The job of kind `training`: styles added to a model, or a whole model; gated, published, and made active."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import structlog
import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from app.engine.device import device_of
from app.errors import ModelUnavailable, PhotosUnavailable, TrainingFailed
from app.jobs.context import JobContext
from app.jobs.gatys import read_descriptor
from app.jobs.job import Result
from app.jobs.training_inputs import fetch_style_images, split_photos, workshop
from app.jobs.training_params import TrainingParams
from app.jobs.training_release import BASE, Maker, facts
from app.jobs.training_watch import TrainingWatch
from app.model_builds.addition import Addition, UnusableAddition, add_styles, fitting_precision
from app.model_builds.candidate import Candidate
from app.model_builds.full_training import FullTraining, train_full
from app.model_builds.progress import Watch
from app.model_store.store import ModelStore, open_model_store
from app.model_store.version import BaseSuperseded, VersionState
from app.nets.descriptor import Descriptor
from app.registry.descriptors import SHIPPED_DESCRIPTOR
from app.registry.encoders import Encoder, digest_of, load_encoder
from app.registry.error import InvalidModel
from app.registry.repository import Model
from app.settings import Settings
from app.training.checkpoint import Checkpoint
from app.training.objective import MissingLayer
from app.training.paintings import StyleImage
from app.training.photos import NoPhotos, UnreadablePicture
from app.training.recipe import Recipe, UnusableRecipe, add_recipe
from app.training.run import CHECKPOINT, SHEETS, UnusableRun
from app.training.trainer import TrainingDiverged

# How often a training is repeated because another version has become active meanwhile.
MAX_BASES = 3
RESTLESS = "The active version of the model changed again and again during the training. Try again later."
JPEG = "image/jpeg"

What = TypeVar("What")
Made = TypeVar("Made")

_log = structlog.get_logger(__name__)


class Training:
    """The task; it keeps the loss network and its connections."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, context: JobContext) -> Result:
        params = TrainingParams.model_validate(context.params)
        maker = Maker(self._model_store, context.job.id, params)
        about = facts(self._made_and_active(context, maker))
        if (sheet := context.last_preview()) is not None:
            return Result(sheet, JPEG, about)
        return Result(json.dumps(about).encode(), "application/json", about)

    def _made_and_active(self, context: JobContext, maker: Maker) -> VersionState:
        """Train again if another version became active first: none of its styles may be lost."""
        for _ in range(MAX_BASES):
            version = maker.made(maker.params.name)
            if version is None or self._superseded(maker, version):
                with workshop(self._settings) as folder, explained():
                    version = self._make(context, maker, folder)
            try:
                return maker.activate(version)
            except BaseSuperseded as error:
                _log.info("base_superseded", model=version.label, reason=str(error))
        raise TrainingFailed(RESTLESS)

    def _superseded(self, maker: Maker, version: VersionState) -> bool:
        base = version.report.get(BASE)
        return base is not None and not version.active and self._newest(version.name) != base

    def _make(self, context: JobContext, maker: Maker, folder: Path) -> VersionState:
        params = maker.params
        works = fetch_style_images(context.storage, params.paintings, folder / "paintings")
        if params.mode == "full":
            candidate, base = self._train_whole(context, params, works, folder), None
        else:
            candidate, base = self._add(context, params, works, folder)
        context.preview(newest_sheet(folder))
        context.check()  # the last moment before anything is published
        return maker.publish(candidate, folder / "version", base)

    def _add(
        self, context: JobContext, params: TrainingParams, works: tuple[StyleImage, ...], folder: Path
    ) -> tuple[Candidate, int | None]:
        """Add to the version that is active, also at the end: a style that came meanwhile must not be lost.

        Returns:
            The number of the version that it may take the place of, too; None: of any.
        """
        for attempt in range(MAX_BASES):
            run = folder / f"run{attempt}"
            begun = go_on(context, run) if attempt == 0 else {}
            if params.follows and begun.get("base") != f"{params.name}@{self._newest(params.name)}":
                (run / CHECKPOINT).unlink(missing_ok=True)
                begun = {}
            base = self._model_store.load(begun.get("base") or params.model)
            given = {"precision": self._precision, **params.recipe, **precision_of(begun)}
            addition = Addition(
                base,
                works,
                self._descriptor,
                self._descriptor_name,
                add_recipe(base.manifest.recipe, given),
                photos=self._settings.photos_dir,
                device=self._device,
                encoder=self._encoder(base),
            )
            candidate = trained(add_styles, addition, run, self._watch(context, run))
            if not params.follows:
                return candidate, None
            if self._newest(params.name) == base.manifest.version:
                return candidate, base.manifest.version
            _log.info("base_superseded", base=base.manifest.label)
        raise TrainingFailed(RESTLESS)

    def _train_whole(
        self, context: JobContext, params: TrainingParams, works: tuple[StyleImage, ...], folder: Path
    ) -> Candidate:
        run = folder / "run0"
        begun = go_on(context, run)
        recipe = Recipe.model_validate({"precision": self._precision, **params.recipe, **precision_of(begun)})
        seen, unseen = split_photos(self._settings)
        training = FullTraining(
            params.name,
            works,
            self._descriptor,
            self._descriptor_name,
            recipe,
            photos=seen,
            unseen=unseen,
            base=self._model_store.load(recipe.base) if recipe.base else None,
            device=self._device,
        )
        candidate = trained(train_full, training, run, self._watch(context, run))
        assert candidate is not None, "only a process that is not the first of several has none"
        return candidate

    def _encoder(self, base: Model) -> Encoder | None:
        """For its generator, where there is one. Raises InvalidModel."""
        folder = self._model_store.encoder_folder(digest_of(base.generator))
        return None if folder is None else load_encoder(folder)

    def _watch(self, context: JobContext, run: Path) -> TrainingWatch:
        return TrainingWatch(context, run, self._settings.job_checkpoint_seconds)

    def _newest(self, name: str) -> int | None:
        """The version that `name` alone means now."""
        return self._model_store.active().get(name) or self._model_store.newest_shipped(name)

    @cached_property
    def _model_store(self) -> ModelStore:
        return open_model_store(self._settings)

    @cached_property
    def _device(self) -> torch.device:
        return device_of(self._settings, self._settings.training_threads).torch_device

    @property
    def _precision(self) -> str:
        return "float32" if self._settings.precision == "float32" else fitting_precision(self._device)

    @cached_property
    def _descriptor(self) -> Descriptor:
        """Raises DescriptorUnavailable."""
        return read_descriptor(self._settings)

    @property
    def _descriptor_name(self) -> str:
        given = self._settings.descriptor
        return SHIPPED_DESCRIPTOR if given is None else given.stem


def go_on(context: JobContext, run: Path) -> dict[str, Any]:
    """Put an earlier attempt's checkpoint where the training looks for it. Returns the recipe of that run."""
    run.mkdir()
    packed = context.last_checkpoint()
    if packed is None:
        return {}
    path = run / CHECKPOINT
    path.write_bytes(packed)
    try:
        recipe: dict[str, Any] = json.loads(Checkpoint.load(path).recipe)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        _log.warning("checkpoint_not_usable", reason=repr(error))
        path.unlink()
        return {}
    return recipe


def precision_of(begun: dict[str, Any]) -> dict[str, Any]:
    """A training continues in the precision that it began with, on any machine."""
    return {name: begun[name] for name in ("precision",) if name in begun}


def trained(train: Callable[[What, Path, Watch], Made], what: What, run: Path, watch: Watch) -> Made:
    """Train from the checkpoint, or from the beginning if it belongs to another training."""
    try:
        return train(what, run, watch)
    except UnusableRun as error:
        _log.warning("checkpoint_not_usable", reason=str(error))
        (run / CHECKPOINT).unlink(missing_ok=True)
        return train(what, run, watch)


def newest_sheet(folder: Path) -> bytes:
    """The sample sheet that the training drew at its end."""
    return max(folder.glob(f"run*/{SHEETS}/*.jpg")).read_bytes()


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a training raises into reasons for clients. Sentences with paths are for the log only."""
    try:
        yield
    except (UnusableAddition, UnusableRecipe, MissingLayer, TrainingDiverged) as error:
        raise TrainingFailed(str(error)) from error
    except ValidationError as error:
        raise TrainingFailed("The options cannot be used together.", private=str(error)) from error
    except UnreadablePicture as error:
        raise TrainingFailed("A style image cannot be read.", private=str(error)) from error
    except NoPhotos as error:
        raise PhotosUnavailable("The photos cannot be used for training.", private=str(error)) from error
    except InvalidModel as error:
        raise ModelUnavailable("The model cannot be used for training.", private=str(error)) from error
