"""Settings of the models that are served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, field_validator

from app.settings.values import Separated

SHIPPED_MODELS = Path(__file__).resolve().parents[2] / "models"


class ModelSettings(BaseModel):
    """Models."""

    models_dir: Path = Field(SHIPPED_MODELS, description="Folder of the models.")
    models: Annotated[tuple[str, ...], Separated] = Field(
        ("compact",),
        description="Models to load, separated by commas: `name` (follows its active version, the newest that shipped "
        "unless another was activated), `name@version` (stays on it), or `*` (all others of the folder). The first is "
        "the default of `model=`.",
    )
    models_follow_seconds: float = Field(
        0.5, gt=0, le=60, description="How often each process checks which versions are active."
    )

    @field_validator("models")
    @classmethod
    def a_default_model(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or value[0] == "*":
            raise ValueError("name a model first, which is the default")
        return value
