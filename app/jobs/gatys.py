"""The job of kind `gatys`: a photo is optimised until it has the style of a style image."""

from __future__ import annotations

import time
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from app.engine.device import device_of
from app.engine.recovery import paint_one
from app.errors import DescriptorUnavailable
from app.gatys.checkpoint import ForeignCheckpoint, GatysCheckpoint
from app.gatys.options import GatysOptions
from app.gatys.transfer import Iteration, Transfer
from app.imaging.decode import decode
from app.imaging.encode import FORMATS, encode
from app.imaging.picture import Picture, Pixels
from app.jobs import packing
from app.jobs.blend_params import unpacked
from app.jobs.context import JobContext
from app.jobs.job import Result
from app.jobs.photo import read_photo
from app.jobs.stylize import Stylizers
from app.nets.descriptor import Descriptor, UnknownLayout, load_descriptor
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published, newest_version
from app.registry.error import InvalidModel
from app.settings import Settings

# Names for `JobContext.input`; the style images are style-0, style-1 and so on.
CONTENT = "content"
STYLE = "style-{}"
# Often enough to watch, and still cheap: encoding 512 x 512 px takes a few milliseconds.
PREVIEW_SECONDS = 1.5
PREVIEW_QUALITY = 85
UNUSABLE = (InvalidModel, SafetensorError, UnknownLayout)

_log = structlog.get_logger(__name__)


class GatysStart(BaseModel):
    """A generator's image to start from.

    Attributes:
        model: label, `name@version`.
        blend, rows: as in `packed`; the weights sum to 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str
    blend: dict[str, float]
    rows: dict[str, str] = {}


class GatysParams(BaseModel):
    """What the route has checked already.

    Attributes:
        weights: of the style images style-0, style-1 and so on.
        start: for the option start=picture.
        format: of the result, with its quality.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    options: GatysOptions
    weights: list[float] = Field(min_length=1)
    start: GatysStart | None = None
    format: str = "jpeg"
    quality: int = 90


def check_descriptor(settings: Settings) -> None:
    """Whether there is a loss network that can be used: the file of the settings, else the one among the models.

    It is loaded once, and again when its files change.

    Raises:
        DescriptorUnavailable: there is none, or it is broken, so no job of this kind can be done.
    """
    given, root = settings.descriptor, settings.models_dir
    folder = None if given else newest_version(root, SHIPPED_DESCRIPTOR)
    if not (given.is_file() if given else folder):
        raise DescriptorUnavailable("This service has no loss network, so it cannot run this kind of job.")
    try:
        files = [given] if given else sorted(folder.iterdir()) if folder else []
        stamps = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        reason = _why_unusable(given, root, stamps)
    except OSError as error:
        reason = str(error)
    if reason is not None:
        raise DescriptorUnavailable("The loss network cannot be used.", private=reason)


def read_descriptor(settings: Settings) -> Descriptor:
    """The loss network. DescriptorUnavailable: there is none, or it is not what it should be."""
    try:
        return _load_descriptor(settings.descriptor, settings.models_dir)
    except (*UNUSABLE, OSError) as error:
        raise DescriptorUnavailable("The loss network cannot be used.", private=str(error)) from error


@lru_cache(maxsize=8)
def _why_unusable(given: Path | None, root: Path, stamps: tuple[tuple[Path, int, int], ...]) -> str | None:
    """Raises OSError, which is not remembered. Args: stamps: of its files, so that other ones are looked at anew."""
    try:
        _load_descriptor(given, root)
    except UNUSABLE as error:
        return str(error)
    return None


def _load_descriptor(given: Path | None, root: Path) -> Descriptor:
    """Raises what is in UNUSABLE, and OSError."""
    return load_descriptor(load_tensors(given.read_bytes())) if given else load_published(root, SHIPPED_DESCRIPTOR)


class Gatys:
    """The task; it keeps the loss network."""

    def __init__(self, settings: Settings, stylizers: Stylizers) -> None:
        self._settings = settings
        self._stylizers = stylizers

    def __call__(self, context: JobContext) -> Result:
        params = GatysParams.model_validate(context.params)
        settings = self._settings
        size = params.options.size
        photo = read_photo(context.input(CONTENT), settings, size, settings.edge_pixels)
        transfer = self._begin(context, params, photo)
        shown_at = 0.0
        for iteration in transfer.run():
            tell(context, transfer, iteration)
            if context.checkpoint_due:
                context.checkpoint(pack(transfer.checkpoint()))
            if time.monotonic() - shown_at >= PREVIEW_SECONDS:
                context.preview(encode(Picture(transfer.picture()), "jpeg", PREVIEW_QUALITY))
                shown_at = time.monotonic()
        painting = Picture(transfer.picture(), photo.alpha)
        return Result(
            encode(painting, params.format, params.quality), FORMATS[params.format], facts(transfer, painting)
        )

    def _begin(self, context: JobContext, params: GatysParams, photo: Picture) -> Transfer:
        """The transfer, continued from an earlier attempt's checkpoint if there is a usable one."""
        transfer = self._new(context, params, photo)
        packed = context.last_checkpoint()
        if packed is None:
            return transfer
        try:
            transfer.restore(unpack(packed))
        except (*packing.UNREADABLE, ForeignCheckpoint) as error:
            _log.warning("checkpoint_not_usable", reason=repr(error))
            return self._new(context, params, photo)  # the other one may be restored in part
        return transfer

    def _new(self, context: JobContext, params: GatysParams, photo: Picture) -> Transfer:
        paintings = [
            self._painting(context.input(STYLE.format(index)), params.options) for index in range(len(params.weights))
        ]
        start = None
        if params.start is not None:
            stylizer = self._stylizers.get(params.start.model)
            blend = unpacked(params.start.blend, params.start.rows)
            start = self._tensor(paint_one(stylizer, photo.rgb, blend))
        return Transfer(
            self._tensor(photo.rgb),
            list(zip(map(self._tensor, paintings), params.weights, strict=True)),
            self._descriptor,
            params.options,
            start=start,
        )

    def _painting(self, data: bytes, options: GatysOptions) -> Pixels:
        """At the largest size that the transfer looks at, so that the memory does not hold what is never seen."""
        settings, longer_edge = self._settings, round(options.size * options.stroke)
        return decode(data, settings.picture_megapixels, longer_edge, max_bytes=settings.decode_bytes).rgb

    def _tensor(self, pixels: Pixels) -> Tensor:
        """(H, W, 3) bytes -> (1, 3, H, W) in 0..1 on the device."""
        whole = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
        return whole.to(self._device).float().div_(255)

    @cached_property
    def _device(self) -> torch.device:
        return device_of(self._settings, self._settings.worker_threads).torch_device

    @cached_property
    def _descriptor(self) -> Descriptor:
        """Raises DescriptorUnavailable."""
        return read_descriptor(self._settings).to(self._device)


def tell(context: JobContext, transfer: Transfer, iteration: Iteration) -> None:
    losses = {"total": iteration.losses.total, "style": iteration.losses.style, "content": iteration.losses.content}
    context.report(
        transfer.progress,
        iteration=iteration.iteration,
        losses={**losses, "scale": iteration.scale},
        eta_seconds=transfer.eta_seconds,
    )


def facts(transfer: Transfer, painting: Picture) -> dict[str, Any]:
    return {
        "width": painting.width,
        "height": painting.height,
        "iterations": transfer.iteration,
        "seconds": round(transfer.seconds, 3),
        "stopped_by": transfer.outcome,
    }


def pack(checkpoint: GatysCheckpoint) -> bytes:
    return packing.pack(checkpoint.tensors, checkpoint.state)


def unpack(packed: bytes) -> GatysCheckpoint:
    """Raises what is in UNREADABLE for what is no checkpoint."""
    return GatysCheckpoint(*packing.unpack(packed))
