"""The form of `POST /v1/admin/styles`: a style image, and what is known about it."""

from __future__ import annotations

import unicodedata

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.api.admin.training_options import Label
from app.api.stylize.options import Pairs, invalid_options
from app.errors import InvalidOption
from app.serving.catalogue import nearest_names, quoted


class StyleFields(BaseModel):
    """The fields beside `image`. They are only shown: nothing is read or fetched by them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(
        description="Title of the work. The id is made from it: `The Great Wave` becomes `the_great_wave`.",
        examples=["The Great Wave"],
        min_length=1,
        max_length=200,
    )
    artist: str | None = Field(
        None, description="Name of the artist.", examples=["Hokusai"], min_length=1, max_length=200
    )
    year: int | None = Field(None, description="When.", examples=[1831], ge=-40_000, le=2200)
    licence: str | None = Field(
        None, description="Under which it may be used.", examples=["Public domain"], min_length=1, max_length=200
    )

    train: Label | None = Field(
        None,
        description="A model to add the style to at once, as `POST /v1/admin/trainings` does with only this model "
        "and this style.",
        examples=["compact"],
    )

    @field_validator("title", "artist", "licence")
    @classmethod
    def one_line_of_text(cls, value: str | None) -> str | None:
        if value is None:
            return None
        # Control characters, line breaks, marks that change the direction of writing, and unassigned code points.
        if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for character in value):
            raise ValueError("must be one line of visible text")
        if not (tidy := " ".join(unicodedata.normalize("NFC", value).split())):
            raise ValueError("must not be blank")
        return tidy

    @field_validator("title")
    @classmethod
    def no_path(cls, value: str) -> str:
        if "/" in value or "\\" in value:
            raise ValueError("must not be a path or a URL: it contains a slash")
        return value


def read_style_form(pairs: Pairs) -> StyleFields:
    """Raises InvalidOption for a field that is not known, given twice, missing, or out of bounds."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in StyleFields.model_fields:
            raise InvalidOption(
                f"There is no field {quoted(name)}.", nearest=nearest_names(name, StyleFields.model_fields)
            )
        if name in given:
            raise InvalidOption(f"`{name}` is given twice.")
        given[name] = value
    try:
        return StyleFields.model_validate_strings(given)
    except ValidationError as error:
        raise invalid_options(error.errors()) from None
