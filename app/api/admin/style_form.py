"""The form of `POST /v1/admin/styles`: a painting, and what is known of it."""

from __future__ import annotations

import unicodedata

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.api.admin.training_options import Label
from app.api.stylize.options import Pairs, invalid_options
from app.errors import InvalidOption
from app.serving.catalogue import nearest_names, quoted


class StyleFields(BaseModel):
    """The fields beside `image`. They are words to be shown: nothing is read from, or fetched by, any of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(
        description="Of the painting. The id is made from it: `The Great Wave` becomes `the_great_wave`.",
        examples=["The Great Wave"],
        min_length=1,
        max_length=200,
    )
    artist: str | None = Field(None, description="Who painted it.", examples=["Hokusai"], min_length=1, max_length=200)
    year: int | None = Field(None, description="When.", examples=[1831], ge=-40_000, le=2200)
    licence: str | None = Field(
        None, description="Under which it may be used.", examples=["Public domain"], min_length=1, max_length=200
    )

    train: Label | None = Field(
        None,
        description="A model that it is added to at once, as by `POST /v1/admin/trainings` with nothing but this model "
        "and this style.",
        examples=["compact"],
    )

    @field_validator("title", "artist", "licence")
    @classmethod
    def one_line_of_text(cls, value: str | None) -> str | None:
        if value is None:
            return None
        # Controls, line breaks, marks that turn the direction of writing, and what is not (yet) a character.
        if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for character in value):
            raise ValueError("must be one line of visible text")
        if not (tidy := " ".join(unicodedata.normalize("NFC", value).split())):
            raise ValueError("must not be blank")
        return tidy

    @field_validator("title")
    @classmethod
    def no_path(cls, value: str) -> str:
        if "/" in value or "\\" in value:
            raise ValueError("must be no path and no URL: it has a slash")
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
