"""The job of kind `stylize`: a painting of the fast path, for a client that does not want to wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.engine.device import choose_device
from app.engine.recovery import paint_or_explain
from app.engine.stylizer import Stylizer
from app.errors import ModelUnavailable, PasticheError
from app.imaging.colour import keep_colour, lay_over
from app.imaging.encode import FORMATS, encode
from app.imaging.picture import Picture, Pixels
from app.imaging.stroke import at_size, largest_edge, painted_size
from app.jobs.context import JobContext
from app.jobs.job import Result
from app.jobs.photo import read_photo
from app.model_store.loading import load_stylizer
from app.model_store.store import open_model_store
from app.registry.error import InvalidModel
from app.settings import Settings

# Of the pictures of a job, as `JobContext.input` has it.
PHOTO = "photo"
# Loaded at once: jobs come for several models, and memory is the web server's too.
MODELS = 2


class StylizeParams(BaseModel):
    """Options of `POST /v1/stylize`, checked by the route already.

    Attributes:
        model: label, `name@version`.
        blend: style id -> weight, summing to 1.
        stroke: size of the strokes, 1 as the network paints them.
        size: longer edge in pixels, None for the photo's own up to the limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str
    blend: dict[str, float]
    strength: float = 1.0
    color: Literal["style", "keep"] = "style"
    stroke: float = 1.0
    size: int | None = None
    format: str = "jpeg"
    quality: int = 90


class Stylizers:
    """The generators of the last jobs; a painting by one of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded = lru_cache(maxsize=MODELS)(self._load)

    def paint(self, photo: Pixels, model: str, blend: Mapping[str, float]) -> Pixels:
        """(H, W, 3) sRGB. Raises PasticheError if there is no painting of it."""
        [painted] = paint_or_explain(self._loaded(model), [photo], [blend])
        if isinstance(painted, PasticheError):
            raise painted
        return painted

    def _load(self, label: str) -> Stylizer:
        settings = self._settings
        device = choose_device(settings.device, settings.precision, settings.worker_threads)
        try:
            with closing(open_model_store(settings)) as model_store:
                return load_stylizer(model_store, label, device).stylizer
        except InvalidModel as error:
            raise ModelUnavailable("The model of this job is not there any more.", private=str(error)) from error


class Stylize:
    """The task."""

    def __init__(self, settings: Settings, stylizers: Stylizers) -> None:
        self._settings = settings
        self._stylizers = stylizers

    def __call__(self, context: JobContext) -> Result:
        params = StylizeParams.model_validate(context.params)
        settings = self._settings
        most = largest_edge(params.stroke, settings.edge_pixels)
        photo = read_photo(context.input(PHOTO), settings, params.size, most)
        seen = at_size(photo.rgb, *painted_size(photo.width, photo.height, params.stroke))
        painted = self._stylizers.paint(seen, params.model, params.blend)
        context.check()
        painted = at_size(painted, photo.width, photo.height)
        if params.color == "keep":
            painted = keep_colour(photo.rgb, painted)
        painting = Picture(lay_over(photo.rgb, painted, params.strength), photo.alpha)
        facts: dict[str, Any] = {"model": params.model, "width": painting.width, "height": painting.height}
        return Result(encode(painting, params.format, params.quality), FORMATS[params.format], facts)
