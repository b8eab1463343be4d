"""The job of kind `refinement`: the row of a style image is trained, and replaces the one before if it is better."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from app.engine.device import device_of
from app.engine.row import Row
from app.errors import UnknownStyleImage
from app.imaging.decode import decode
from app.imaging.resize import fitted, resize
from app.jobs.context import HandedOver, JobContext
from app.jobs.gatys import read_descriptor
from app.jobs.job import Result
from app.jobs.training import explained
from app.model_builds.addition import fitting_precision
from app.model_builds.refinement import Refined, Refinement, refine
from app.model_store.store import open_model_store
from app.model_store.style_images import PREFIX, Reading, StyleImages
from app.nets.descriptor import Descriptor
from app.registry.encoders import digest_of
from app.registry.repository import Model
from app.settings import Settings
from app.sql.database import Database
from app.training.recipe import add_recipe

KIND = "refinement"
JPEG = "image/jpeg"
GONE = "The style image has been deleted, or has expired, or another job refines it: send it again."


class RefinementParams(BaseModel):
    """What the route has checked already.

    Attributes:
        hash: of the principal's style image.
        model: label, `name@version`, whose generator the row is for.
        seconds: of training.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    hash: str
    model: str
    seconds: float


class RefinementTask:
    """The task; it keeps the loss network and its connection."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, context: JobContext) -> Result:
        params = RefinementParams.model_validate(context.params)
        with explained():
            base = self._load(params.model)
            generator = digest_of(base.generator)
            image, reading = self._kept(context, params.hash, generator)
            refined = refine(self._refinement(base, image, reading, params.seconds), StepReport(context))
        context.check()
        if refined.better:
            self._replace(context, params.hash, generator, refined)
        return Result(refined.preview, JPEG, facts(params, refined))

    def _load(self, label: str) -> Model:
        with closing(open_model_store(self._settings)) as model_store:
            return model_store.load(label)

    def _kept(self, context: JobContext, hash: str, generator: str) -> tuple[bytes, Reading]:
        """The image, and the row to begin with. Raises UnknownStyleImage, LedgerUnavailable."""
        image = self._images.picture(context.job.principal, hash)
        reading = self._images.found(context.job.principal, [hash], generator).get(hash)
        if image is None or reading is None:
            raise UnknownStyleImage(GONE)
        return image, reading

    def _refinement(self, base: Model, image: bytes, reading: Reading, seconds: float) -> Refinement:
        settings = self._settings
        precision = "float32" if settings.precision == "float32" else fitting_precision(self._device)
        recipe = add_recipe(base.manifest.recipe, {"precision": precision})
        row = Row.from_bytes(KIND, reading.row)
        return Refinement(
            base,
            as_tensor(image, recipe.stroke),
            row.gamma,
            row.beta,
            copy.deepcopy(self._descriptor),
            recipe,
            seconds,
            settings.photos_dir,
            self._device,
        )

    def _replace(self, context: JobContext, hash: str, generator: str, refined: Refined) -> None:
        """Raises UnknownStyleImage, LedgerUnavailable."""
        row = Row(KIND, refined.gamma, refined.beta).to_bytes()
        if not self._images.refine(context.job.principal, hash, generator, context.job.id, row):
            raise UnknownStyleImage(GONE)

    @cached_property
    def _images(self) -> StyleImages:
        return StyleImages(Database(self._settings.ledger_url))

    @cached_property
    def _device(self) -> torch.device:
        return device_of(self._settings, self._settings.worker_threads).torch_device

    @cached_property
    def _descriptor(self) -> Descriptor:
        """Raises DescriptorUnavailable."""
        return read_descriptor(self._settings)


class StepReport:
    """Reports steps to the job. Raises JobCancelled, LeaseLost; HandedOver: another worker begins again."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def __call__(self, step: int, steps: int, losses: Mapping[str, float]) -> None:
        self._context.report(step / (steps + 1), iteration=step, losses=losses)
        if self._context.stopping.is_set():
            raise HandedOver


def as_tensor(image: bytes, stroke: int) -> Tensor:
    """A kept image as trainings see style images: (1, 3, H, W) in 0..1, its longer edge `stroke` pixels."""
    picture = decode(image, max_megapixels=1)
    seen = resize(picture, *fitted(picture.width, picture.height, stroke)).rgb
    return torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None].float() / 255


def facts(params: RefinementParams, refined: Refined) -> dict[str, Any]:
    return {
        "style": PREFIX + params.hash,
        "model": params.model,
        "better": refined.better,
        "before": round(refined.before, 5),
        "after": round(refined.after, 5),
        "steps": refined.steps,
    }
