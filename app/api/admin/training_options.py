"""What `POST /v1/admin/trainings` takes: the options of a training, and what they come to for its job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from app.api.jobs.form import MAX_PRIORITY
from app.api.stylize.options import invalid_options
from app.nets.architectures import ArchitectureName
from app.nets.norm import NormName
from app.registry.label import NAME_CHARACTERS, VERSION, is_model_name, parse_label
from app.registry.manifest import ModelName
from app.style_id import StyleId
from app.training.recipe import AddRecipe, Recipe, add_recipe


def short_named(label: str) -> str:
    """Its pattern cannot say how long the name alone may be."""
    if not is_model_name(label.partition("@")[0]):
        raise ValueError(f"must have a name of at most {NAME_CHARACTERS} characters")
    return label


Label = Annotated[
    str,
    Field(pattern=rf"^[a-z][a-z0-9]*(-[a-z0-9]+)*(@{VERSION})?$", max_length=80),
    AfterValidator(short_named),
]
Weight = Annotated[float, Field(gt=0, le=100)]
Width = Annotated[int, Field(ge=1, le=512)]
MAX_STYLES = 64
# Of all images of a step: a quarter of it needs several gigabytes.
MAX_MEGAPIXELS = 4.2
# Members about the training; all others belong to its recipe.
ABOUT = ("mode", "styles", "weights", "model", "name", "activate", "force", "dry_run", "priority")


class TrainingOptions(BaseModel):
    """What both kinds have."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    styles: list[StyleId] = Field(
        description="Ids of style images, as `GET /v1/admin/styles` lists them.",
        examples=[["the_great_wave"]],
        min_length=1,
        max_length=MAX_STYLES,
    )
    weights: dict[StyleId, Weight] = Field(
        {}, description="Style weight by id; 1 where a style is not named.", examples=[{"the_great_wave": 1.5}]
    )
    seed: int | None = Field(None, ge=0, lt=2**63, description="Seed of weights and images.", examples=[0])
    batch: int | None = Field(None, ge=1, le=64, description="Images a step.", examples=[2])
    crop: int | None = Field(None, ge=64, le=1024, description="Edge of the training crops in pixels.", examples=[256])
    stroke: int | None = Field(
        None,
        ge=64,
        le=2048,
        description="Longer edge of the style images in pixels: it sets the size of the strokes.",
        examples=[512],
    )
    learning_rate: float | None = Field(None, gt=0, le=0.5, description="Learning rate of Adam.", examples=[0.05])
    content_weight: float | None = Field(
        None, ge=0, le=10, description="Weight of the content loss: more keeps more of the photo.", examples=[0.1]
    )
    activate: bool = Field(True, description="Serve the version once it has passed the gates.", examples=[True])
    force: bool = Field(
        False, description="With `activate`: serve it even if it has not. That is recorded.", examples=[False]
    )
    dry_run: bool = Field(
        False, description="Answer with what would happen and what it would cost, and do nothing.", examples=[False]
    )
    priority: int = Field(
        0, ge=-MAX_PRIORITY, le=MAX_PRIORITY, description="Trainings of a higher priority go first.", examples=[0]
    )

    @field_validator("styles")
    @classmethod
    def each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("names a style twice")
        return value

    @model_validator(mode="after")
    def weighs_what_is_trained(self) -> TrainingOptions:
        if unknown := sorted(self.weights.keys() - set(self.styles)):
            raise ValueError(f"`weights` names {unknown[0]}, which is not in `styles`")
        return self

    @model_validator(mode="after")
    def fits_into_memory(self) -> TrainingOptions:
        if (self.batch or 2) * (self.crop or 256) ** 2 > MAX_MEGAPIXELS * 1e6:
            raise ValueError(f"`batch` pictures of `crop` x `crop` pixels are more than {MAX_MEGAPIXELS} megapixels")
        return self

    @property
    def recipe(self) -> dict[str, Any]:
        """Members of the training's recipe that are given."""
        given = {name: value for name, value in self.model_dump().items() if name not in ABOUT and value is not None}
        return given | ({"style_weights": dict(self.weights)} if self.weights else {})


class AddOptions(TrainingOptions):
    """Styles are added to a model. Its other styles do not change by a bit."""

    mode: Literal["add"]
    model: Label = Field(
        "compact",
        description="Model to add to: `name` for the version that is active then, or `name@version`.",
        examples=["compact"],
    )
    steps: int | None = Field(None, ge=1, le=20_000, description="Number of steps.", examples=[240])
    minutes: float | None = Field(
        None,
        gt=0,
        le=240,
        description="Minutes from beginning to end, in place of `steps`: as many steps as fit beside the gates, 40 at "
        "the least.",
        examples=[1.0],
    )
    start: Literal["encoded", "nearest", "mean"] | None = Field(
        None,
        description="Start from what the model's style encoder reads from the style image, from the row of the nearest "
        "style, or from the mean of all. Without it `encoded`, or `nearest` where there is no encoder.",
        examples=["nearest"],
    )

    @model_validator(mode="after")
    def steps_or_minutes(self) -> AddOptions:
        if self.steps is not None and self.minutes is not None:
            raise ValueError("`steps` and `minutes` exclude each other")
        return self

    @property
    def target(self) -> str:
        return self.model


class FullOptions(TrainingOptions):
    """A model is trained from scratch, or from a version."""

    mode: Literal["full"]
    name: ModelName = Field(description="Name of the model.", examples=["impressionists"])
    architecture: ArchitectureName | None = Field(
        None,
        description="The network; `johnson` is `paper` for one style, `texture` makes textures from noise alone, "
        "`ulyanov` is the same network for photos.",
        examples=["compact"],
    )
    norm: NormName | None = Field(
        None,
        description="Normalisation: `instance`, or `batch` for one style with a `batch` of 4 at least.",
        examples=["instance"],
    )
    options: dict[str, Width | list[Width]] | None = Field(
        None,
        description="Options of the architecture, such as widths and number of blocks.",
        examples=[{"blocks": 4}],
        max_length=8,
    )
    steps: int | None = Field(None, ge=1, le=1_000_000, description="Number of steps.", examples=[8000])
    base: Label | None = Field(None, description="Version to start from, `name@version`.", examples=["compact@1"])

    @field_validator("base")
    @classmethod
    def has_a_version(cls, value: str | None) -> str | None:
        if value is not None and parse_label(value)[1] is None:
            raise ValueError("must be `name@version`")
        return value

    @model_validator(mode="after")
    def suits_so_many_styles(self) -> FullOptions:
        if len(self.styles) > 1 and (self.architecture == "johnson" or self.norm == "batch"):
            raise ValueError("`architecture` johnson and `norm` batch are for one style")
        return self

    @property
    def target(self) -> str:
        return self.name


AnyOptions = Annotated[AddOptions | FullOptions, Field(discriminator="mode")]
ANY_OPTIONS: TypeAdapter[AddOptions | FullOptions] = TypeAdapter(AnyOptions)


def check_recipe(options: AddOptions | FullOptions, base: Mapping[str, Any] | None = None) -> AddRecipe | Recipe:
    """The recipe, with defaults for what is not given. Raises InvalidOption, as for a network that cannot be built.

    Args:
        base: the recipe of the model that styles are added to; they share its losses.
    """
    try:
        if isinstance(options, AddOptions):
            return add_recipe(base or {}, options.recipe)
        return Recipe.model_validate(options.recipe)
    except ValidationError as error:
        raise invalid_options([{**found, "loc": found["loc"][:1]} for found in error.errors()]) from None
