"""The job of kind `stylize`: `POST /v1/stylize` for a client that does not want to wait."""

from __future__ import annotations

from contextlib import closing
from functools import lru_cache, partial
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.engine.device import device_of
from app.engine.region import Manner, Region
from app.engine.render import Large, Rendering
from app.engine.stylizer import Stylizer
from app.errors import ModelUnavailable
from app.imaging.compose import Colour
from app.imaging.encode import FORMATS, encode
from app.imaging.polygon import Polygon
from app.imaging.stroke import AUTO, Stroke
from app.jobs.blend_params import packed, unpacked
from app.jobs.context import HandedOver, JobContext
from app.jobs.job import Result
from app.model_store.loading import load_stylizer
from app.model_store.store import open_model_store
from app.registry.error import InvalidModel
from app.settings import Settings

# Names for `JobContext.input`; a mask of a region has its own.
PHOTO, MASK = "photo", "mask"
# Loaded at once: jobs come for several models, and memory is the web server's too.
MODELS = 2


class RegionParams(BaseModel):
    """A region.

    Attributes:
        polygon: as in `Polygon`, None where there is a mask; so is `feather`.
        mask: name of the input that it is.
        blend, rows: as in `packed`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    polygon: list[tuple[float, float]] | None = None
    feather: float = 0.0
    mask: str | None = None
    blend: dict[str, float]
    rows: dict[str, str] = {}
    strength: float
    color: Colour

    @classmethod
    def of(cls, region: Region) -> RegionParams:
        area, manner = region.area, region.manner
        params = cls(**packed(manner.blend), strength=manner.strength, color=manner.color)
        if isinstance(area, Polygon):
            return params.model_copy(update={"polygon": list(area.points), "feather": area.feather})
        return params.model_copy(update={"mask": area})

    @property
    def region(self) -> Region:
        area = Polygon(tuple(self.polygon), self.feather) if self.polygon is not None else self.mask
        assert area is not None, "a region has an area"
        return Region(area, Manner(unpacked(self.blend, self.rows), self.strength, self.color))


class StylizeParams(BaseModel):
    """Options of `POST /v1/stylize`, checked by the route already.

    Attributes:
        model: label, `name@version`.
        blend, rows: as in `packed`; the weights sum to 1.
        stroke: size of the strokes, as `painted_size` takes it.
        size: longer edge in pixels, None for the photo's own up to the limit.
        masked: whether there is a mask.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str
    blend: dict[str, float]
    rows: dict[str, str] = {}
    strength: float = 1.0
    boldness: float = 0.0
    color: Colour = "style"
    stroke: Stroke = AUTO
    size: int | None = None
    format: str = "jpeg"
    quality: int = 90
    masked: bool = False
    regions: tuple[RegionParams, ...] = ()


class Stylizers:
    """The generators of the last jobs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded = lru_cache(maxsize=MODELS)(self._load)

    def get(self, model: str) -> Stylizer:
        """The generator of that label. Raises PasticheError: it cannot be loaded."""
        return self._loaded(model)

    def _load(self, label: str) -> Stylizer:
        settings = self._settings
        device = device_of(settings, settings.worker_threads)
        try:
            with closing(open_model_store(settings)) as model_store:
                return load_stylizer(model_store, label, device).stylizer
        except InvalidModel as error:
            raise ModelUnavailable("The model of this job is no longer available.", private=str(error)) from error


class Stylize:
    """The task."""

    def __init__(self, settings: Settings, stylizers: Stylizers) -> None:
        self._settings = settings
        self._stylizers = stylizers

    def __call__(self, context: JobContext) -> Result:
        params = StylizeParams.model_validate(context.params)
        regions = tuple(each.region for each in params.regions)
        masks = {region.area for region in regions if isinstance(region.area, str)}
        settings = self._settings
        rendering = Rendering(
            self._stylizers.get(params.model),
            unpacked(params.blend, params.rows),
            settings,
            size=params.size,
            stroke=params.stroke,
            color=params.color,
            strength=params.strength,
            boldness=params.boldness,
            mask=context.input(MASK) if params.masked else b"",
            regions=regions,
            region_masks={name: context.input(name) for name in masks},
        )
        stylized = rendering.of_photo(context.input(PHOTO), Large(params.format, partial(painted, context)))
        context.check()
        facts: dict[str, Any] = {"model": params.model, "width": stylized.width, "height": stylized.height}
        return Result(encode(stylized, params.format, params.quality), FORMATS[params.format], facts)


def painted(context: JobContext, share: float) -> None:
    """Report a tile of a large picture. Raises as `JobContext.report`, and HandedOver: another worker begins anew."""
    context.advance(share)
    if context.stopping.is_set():
        raise HandedOver
