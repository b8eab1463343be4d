"""The options: every choice of the method, in one block that is also its documentation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.imaging.compose import Colour
from app.nets.descriptor import STYLE_LAYERS

MIN_SIZE, MAX_SIZE = 16, 1024

Layer = Annotated[str, Field(pattern=r"^relu[1-5]_[1-4]$")]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]

# What Gatys et al. did (1508.06576, section "Methods"). They follow the gradient and name no optimiser; L-BFGS, its
# history and the iterations are those of the implementations in use, but that gradients are weighed by 1/frequency:
# without it, 300 iterations from noise left grain in place of strokes. Three values are not theirs: the weights
# of content and of layers, since their sums weigh otherwise in the narrow loss network that ships (there, 1e-3 gave a
# grainy photo without the style), and colours kept within 0..1, since clipping them at the end brings grain back.
# docs/gatys.md has the figures.
PAPER: dict[str, Any] = {
    "start": "noise",
    "palette": False,
    "losses": "paper",
    "content_weight": 3e-8,
    "style_layers": dict(zip(STYLE_LAYERS, (3.0, 1.5, 1.0, 0.4, 0.4), strict=True)),
    "scales": 1,
    "iterations": 300,
    "tolerance": 0.0,
    "history": 20,
    "smoothness": 1.0,
    "bounded": True,
    "precision": "float32",
}


class GatysOptions(BaseModel):
    """How one image is optimised. Equal options and equal images give equal results on one device.

    `recipe="paper"` puts the paper's method in place of the defaults below; what is given beside it still counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Literal["pastiche", "paper"] = "pastiche"

    # The result: longer edge in pixels; and whose colours it has: the style image's, the photo's own each in its place,
    # or the photo's palette.
    size: int = Field(512, ge=MIN_SIZE, le=MAX_SIZE)
    color: Colour = "style"

    # Where it starts: the photo, uniform noise of `seed`, or a given image, such as a generator's.
    start: Literal["content", "noise", "picture"] = "content"
    seed: int = Field(0, ge=0, lt=2**63)
    # Give the photo that it starts from the mean and covariance of the style images' colours. Otherwise flat areas
    # would keep the photo's colours: the losses are nearly as low with them.
    palette: bool = True

    # Longer edge of the style image as a multiple of the photo's: one twice as large gives strokes twice as large.
    stroke: float = Field(1.0, ge=0.5, le=2.0)

    # The losses: the paper's sums, or balanced ones, relative to the target's own energy (see app.losses). With the
    # balanced ones, weights mean the same for every style image and every loss network.
    losses: Literal["balanced", "paper"] = "balanced"
    style_layers: dict[Layer, Weight] = Field(dict.fromkeys(STYLE_LAYERS, 0.2), min_length=1)
    content_layers: dict[Layer, Weight] = Field({"relu4_2": 1.0}, min_length=1)
    style_weight: Weight = 1.0
    content_weight: Weight = 0.02

    # Coarse to fine: each scale doubles the edges of the one before it. Half of the iterations are for the final size;
    # the coarser scales share the others, which are cheap. On enlarging, `detail` times the start's own finest detail
    # is added (none of noise); without it the strokes of the last octave would have to grow from a blur.
    scales: int = Field(3, ge=1, le=5)
    detail: float = Field(1.0, ge=0, le=2)

    # When it stops: after so many iterations, or seconds, or when the loss fell by a smaller share than `tolerance`
    # over the last ten iterations (0: never), whichever comes first. Scales but the last one share the same limits.
    iterations: int = Field(200, ge=1, le=10_000)
    seconds: float | None = Field(None, gt=0, le=86_400, allow_inf_nan=False)
    tolerance: float = Field(0.005, ge=0, lt=1)

    # The optimiser. `history` is L-BFGS's pairs of steps and gradients; `learning_rate` is Adam's, in 0..1 colours.
    optimiser: Literal["lbfgs", "adam"] = "lbfgs"
    history: int = Field(10, ge=1, le=100)
    learning_rate: float = Field(0.02, gt=0, le=100)
    # L-BFGS's preconditioner: the power of 1/frequency that gradients are weighed with. 0 leaves them alone.
    smoothness: float = Field(0.5, ge=0, le=2)
    # Keep every pixel within 0..1 all the time. Without it the loss that was reached is not the clipped picture's.
    bounded: bool = True
    # Of the loss network's features; "auto" is bfloat16 where the processor has it. Losses are always float32.
    precision: Literal["auto", "bfloat16", "float32"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def preset(cls, given: Any) -> Any:
        return {**PAPER, **given} if isinstance(given, dict) and given.get("recipe") == "paper" else given

    @field_validator("style_layers", "content_layers")
    @classmethod
    def weighty(cls, layers: dict[str, float]) -> dict[str, float]:
        if not any(layers.values()):
            raise ValueError("at least one layer needs a weight above 0")
        return layers

    @model_validator(mode="after")
    def aimed(self) -> GatysOptions:
        if not self.style_weight and not self.content_weight:
            raise ValueError("style_weight and content_weight cannot both be 0")
        return self
