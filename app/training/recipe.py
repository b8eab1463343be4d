"""The recipe: every hyper-parameter of a training, in blocks that are also their documentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.nets.architectures import ArchitectureName, build_generator
from app.nets.descriptor import STYLE_LAYERS
from app.nets.norm import MIN_BATCH, NormName
from app.style_id import StyleId

Factor = Annotated[float, Field(gt=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
# Members that keep flat areas free of the network's artifacts.
TRACES = ("grid_weight", "spectrum_weight", "border_weight", "halo_weight", "plain")
# Members that new rows inherit from existing ones, so that all styles of a model have the same scale.
INHERITED = ("stroke", "style_layers", "content_layer", "content_weight", *TRACES)

# Members that an encoder inherits as well, so that its rows give results like the generator's own.
AIMED_ALIKE = (*INHERITED, "layer_weights", "detail_layer", "detail_weight", "relief_weight")

# Members for photos, which a texture does not have.
OF_PHOTOS = ("content_weight", "detail_weight", "relief_weight", *TRACES)

# Of an addition that has minutes, however few: a row that hardly moved is still the neighbour's style.
MIN_STEPS = 40


class UnusableRecipe(Exception):
    """The recipe has an unknown member, a value out of bounds, or does not fit the inputs."""


class Schedule(BaseModel):
    """What every training has. Trainings with equal members and equal inputs give equal results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # `batch` stylized images per step, over all processes together.
    steps: int = Field(8000, ge=1, le=10_000_000)
    batch: int = Field(2, ge=1, le=1024)
    # Number of styles per photo in a step: the photo's content features are computed once for all of them.
    styles_per_photo: int = Field(1, ge=1, le=64)
    seed: int = Field(0, ge=0, lt=2**63)

    # The photos: square crops of `crop` pixels, enlarged by a factor drawn from `zoom` (never beyond the whole photo).
    crop: int = Field(256, ge=64, le=1024)
    zoom: tuple[Factor, Factor] = (0.8, 1.6)
    # Share of crops that are replaced by one colour or a faint gradient, with camera noise.
    plain: float = Field(0.0, ge=0, le=1)

    # The optimiser: Adam with a linear warm-up and a cosine decay to a hundredth.
    learning_rate: float = Field(2.5e-3, gt=0, le=1)
    betas: tuple[Decay, Decay] = (0.9, 0.99)
    warmup_steps: int = Field(100, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    # Decay of the moving average of the weights, which is what ships.
    average: Decay = 0.999
    precision: Literal["bfloat16", "float32"] = "float32"

    @field_validator("zoom")
    @classmethod
    def ascending(cls, zoom: tuple[float, float]) -> tuple[float, float]:
        if zoom[0] > zoom[1]:
            raise ValueError("the smaller factor comes first")
        return zoom

    @model_validator(mode="after")
    def whole_photos(self) -> Schedule:
        if self.batch % self.styles_per_photo:
            raise ValueError(f"a batch of {self.batch} is no multiple of {self.styles_per_photo} styles per photo")
        return self


class Aim(Schedule):
    """Targets and losses of a training towards style images."""

    # Longer edge of the style images, in pixels, which determines the size of strokes in the output.
    stroke: int = Field(512, ge=64, le=2048)

    # The losses, all balanced (relative to the target's own energy; see app.losses).
    style_layers: tuple[str, ...] = Field(STYLE_LAYERS, min_length=1)
    # Weights of the layers' style losses in training, 1 by default; the style loss is their weighted mean.
    layer_weights: dict[str, Factor] = {}
    content_layer: str = "relu4_2"
    content_weight: float = Field(0.1, ge=0, le=100)
    # A second content loss, on the larger network's channels from the head of `detail_layer`: edges and small objects,
    # which the content layer does not see.
    detail_layer: str = "relu3_1"
    detail_weight: float = Field(0.0, ge=0, le=100)
    # Against artifacts of the network: a grid from its upsampling, grain that the style image does not have, borders of
    # flat images, halos around strong edges (see app.losses).
    grid_weight: float = Field(100.0, ge=0, le=10_000)
    spectrum_weight: float = Field(0.03, ge=0, le=10_000)
    border_weight: float = Field(5.0, ge=0, le=10_000)
    halo_weight: float = Field(20.0, ge=0, le=10_000)
    # Against the same relief in all styles; needs several styles per photo (see app.losses.shared_relief).
    relief_weight: float = Field(0.0, ge=0, le=10_000)
    plain: float = Field(0.15, ge=0, le=1)
    # Style weights by style id, 1 by default.
    style_weights: dict[StyleId, Factor] = {}


class Recipe(Aim):
    """The training of a generator; a `texture` has no content loss."""

    # The network: a name of app.nets.architectures.ARCHITECTURES, and its own arguments.
    architecture: ArchitectureName = "compact"
    options: dict[str, int | tuple[int, ...]] = {}
    # Over each sample (conditional with several styles), or over the batch: one style, at least four images.
    norm: NormName = "instance"

    # Learning rate of the rows, relative to the others'. A row changes only in steps that draw its style.
    row_rate: float = Field(1.0, gt=0, le=100)

    # Relative frequencies of styles by style id, 1 by default. Hard styles need more steps.
    style_shares: dict[StyleId, Factor] = {}

    # At the end, gamma and beta of the last norm move by this share towards those with the style images' palettes (see
    # app.training.palette).
    palette_share: Share = 0.0
    # The same by style id, in place of `palette_share`.
    palette_shares: dict[StyleId, Share] = {}

    # A published model to start from, `name@version`: its weights, and its rows of styles that are trained.
    base: str | None = None

    @model_validator(mode="before")
    @classmethod
    def style_alone(cls, members: Any) -> Any:
        if isinstance(members, Mapping) and members.get("architecture") == "texture":
            return dict.fromkeys(OF_PHOTOS, 0.0) | dict(members)
        return members

    @model_validator(mode="after")
    def without_content(self) -> Recipe:
        if self.architecture == "texture" and any(getattr(self, name) for name in OF_PHOTOS):
            raise ValueError(f"a texture has no photo, so {', '.join(OF_PHOTOS)} are 0")
        return self

    @model_validator(mode="after")
    def buildable(self) -> Recipe:
        with torch.device("meta"):  # checked now, without allocating memory for it
            build_generator(self.architecture, self.options, self.norm)
        return self

    @model_validator(mode="after")
    def fits_palettes_of_samples(self) -> Recipe:
        if (self.palette_share or self.palette_shares) and self.norm != "instance":
            raise ValueError("`palette_share` needs instance normalisation")
        return self

    @model_validator(mode="after")
    def enough_for_statistics(self) -> Recipe:
        if self.norm == "batch" and self.batch < MIN_BATCH:
            raise ValueError(f"batch normalisation needs a batch of at least {MIN_BATCH} images, not {self.batch}")
        return self


class AddRecipe(Aim):
    """The training of new rows for a frozen generator."""

    # The base, `name@version`, and the SHA-256 of each style image by style id. Only a run with the same values can be
    # continued.
    base: str | None = None
    paintings: dict[StyleId, str] = {}

    # Either a number of steps, or as many as fit into some minutes from beginning to end, measured on a few steps.
    steps: int = Field(240, ge=1, le=100_000)
    minutes: float | None = Field(None, gt=0, le=1440)

    batch: int = Field(2, ge=1, le=16)
    crop: int = Field(256, ge=64, le=512)
    learning_rate: float = Field(5e-2, gt=0, le=0.5)
    warmup_steps: int = Field(10, ge=0, le=1000)
    average: Decay = 0.98
    content_weight: float = Field(0.1, ge=0, le=10)

    # Start of a new row: what the generator's style encoder reads from the style image; without an encoder, or with
    # `nearest`, the existing row whose results are nearest to the style image; or the mean of all rows.
    start: Literal["encoded", "nearest", "mean"] = "encoded"


class EncoderRecipe(Aim):
    """The training of a style encoder for a frozen generator."""

    # The model of the generator, `name@version`.
    base: str | None = None

    # Views of each style image: the whole image, and square crops of at most `view_edge` pixels, enlarged by a factor
    # drawn from `view_zoom`; a share of the crops is recoloured.
    views: int = Field(6, ge=1, le=1000)
    view_edge: int = Field(320, ge=64, le=2048)
    view_zoom: tuple[Factor, Factor] = (0.7, 1.4)
    recoloured: float = Field(0.4, ge=0, le=1)

    # The network (see app.nets.style_encoder).
    rank: int = Field(16, ge=1, le=128)
    hidden: int = Field(384, ge=1, le=4096)
    bottleneck: int = Field(100, ge=1, le=1024)

    # Steps of the head start, which fits each view to the nearest of the generator's own styles.
    head_start: int = Field(400, ge=0, le=100_000)

    batch: int = Field(4, ge=1, le=1024)
    styles_per_photo: int = Field(2, ge=1, le=64)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    average: Decay = 0.998

    @field_validator("view_zoom")
    @classmethod
    def ascending_views(cls, zoom: tuple[float, float]) -> tuple[float, float]:
        return cls.ascending(zoom)

    @model_validator(mode="after")
    def alike(self) -> EncoderRecipe:
        if self.style_weights:
            raise ValueError("an encoder weighs all style images alike, so style_weights is empty")
        return self


def inherited(base: Mapping[str, Any]) -> dict[str, Any]:
    """Members of the generator's recipe that are the defaults of an encoder's."""
    return {name: base[name] for name in AIMED_ALIKE if name in base}


def add_recipe(base: Mapping[str, Any], given: Mapping[str, Any]) -> AddRecipe:
    """The recipe of an addition to a model with the recipe `base`, whose losses are the defaults.

    Raises:
        pydantic.ValidationError: a member of `given` is not known or out of bounds.
    """
    inherited = {name: base[name] for name in INHERITED if name in base}
    return AddRecipe.model_validate(inherited | {name: value for name, value in given.items() if value is not None})
