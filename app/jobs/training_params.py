"""What a job of kind `training` is asked to do, as the ledger keeps it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.model_store.style_pictures import StylePicture
from app.registry.label import parse_label
from app.style_id import StyleId

KIND = "training"


class StyleImageRef(BaseModel):
    """A style image as it was when the training was created; the blob has this hash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: StyleId
    title: str
    artist: str | None
    year: int | None
    licence: str | None
    blob_key: str
    sha256: str

    @classmethod
    def of(cls, picture: StylePicture) -> StyleImageRef:
        return cls.model_validate({name: getattr(picture, name) for name in cls.model_fields})


class TrainingParams(BaseModel):
    """What the route has checked already.

    Attributes:
        mode: `add` styles to a model, or train one in `full`.
        model: `add`: to which, as `name` (the version that is active when the training begins) or `name@version`;
            `full`: the name of the new one.
        recipe: members of the AddRecipe or the Recipe that are not to be as they are by default.
        activate: whether the version is to be served when it has passed the gates; with `force`, also if it has not.
        by: fingerprint of who asked for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    mode: Literal["add", "full"]
    model: str
    paintings: list[StyleImageRef] = Field(min_length=1)
    recipe: dict[str, Any] = {}
    activate: bool = True
    force: bool = False
    by: str = ""

    @property
    def name(self) -> str:
        """Of the model, without a version."""
        return parse_label(self.model)[0]

    @property
    def follows(self) -> bool:
        """Whether it is to become the next version of whatever is active then, which must not lose a style by it."""
        return self.activate and parse_label(self.model)[1] is None
