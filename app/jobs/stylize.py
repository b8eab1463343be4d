"""The job of kind `stylize`: a painting of the fast path, for a client that does not want to wait for it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.engine.device import choose_device
from app.engine.recovery import paint_or_explain
from app.engine.stylizer import Stylizer
from app.errors import ModelUnavailable, PasticheError
from app.imaging.colour import Pixels, keep_colour, lay_over
from app.imaging.decode import decode, probe
from app.imaging.encode import FORMATS, encode
from app.imaging.picture import Picture
from app.imaging.resize import fitted, resize
from app.jobs.context import JobContext
from app.jobs.job import Result
from app.registry.repository import InvalidModel, Repository
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
        size: longer edge in pixels, None for the photo's own up to the limit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str
    blend: dict[str, float]
    strength: float = 1.0
    color: Literal["style", "keep"] = "style"
    size: int | None = None
    format: str = "jpeg"
    quality: int = 90


class Stylize:
    """The task; it keeps the models of the last jobs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stylizer = lru_cache(maxsize=MODELS)(self._load)

    def __call__(self, context: JobContext) -> Result:
        params = StylizeParams.model_validate(context.params)
        photo = self._read(context.input(PHOTO), params.size)
        context.check()
        painting = Picture(self._paint(photo, params), photo.alpha)
        facts: dict[str, Any] = {"model": params.model, "width": painting.width, "height": painting.height}
        return Result(encode(painting, params.format, params.quality), FORMATS[params.format], facts)

    def _read(self, data: bytes, size: int | None) -> Picture:
        """The photo at the size of the painting. Raises PictureError."""
        limit = self._settings.picture_megapixels
        header = probe(data, limit)
        longer = max(header.width, header.height)
        wanted = fitted(header.width, header.height, size or min(longer, self._settings.edge_pixels))
        picture = decode(data, limit, max(wanted))
        return picture if (picture.width, picture.height) == wanted else resize(picture, *wanted)

    def _paint(self, photo: Picture, params: StylizeParams) -> Pixels:
        [painted] = paint_or_explain(self._stylizer(params.model), [photo.rgb], [params.blend])
        if isinstance(painted, PasticheError):
            raise painted
        if params.color == "keep":
            painted = keep_colour(photo.rgb, painted)
        return lay_over(photo.rgb, painted, params.strength)

    def _load(self, label: str) -> Stylizer:
        settings = self._settings
        try:
            model = Repository(settings.models_dir).load(label)
        except InvalidModel as error:
            raise ModelUnavailable("The model of this job is not there any more.", private=str(error)) from error
        device = choose_device(settings.device, settings.precision, settings.worker_threads)
        return Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
