"""The id of a style, and how it is made from its title."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import Field

from app.errors import InvalidOption

ID_CHARACTERS = 64
StyleId = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", max_length=ID_CHARACTERS)]
# Letters of European languages that do not decompose into plain letters. Titles are lower-case by then.
SPELLED_OUT = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
# Apostrophes do not separate words; the last two are Unicode's for Hawaiian and Breton, and count as letters.
APOSTROPHES = str.maketrans(dict.fromkeys("'\N{RIGHT SINGLE QUOTATION MARK}ʻʼ"))


def style_id_of(title: str) -> str:
    """`Les Nymphéas, 1906` -> `les_nympheas_1906`, a valid `StyleId`.

    Styled letters and digits (`𝓐`, `™`, `Ⅻ`) become plain ones; punctuation and symbols separate words.

    Raises:
        InvalidOption: the title has letters that would be lost, or none at all.
    """
    # Before lower-casing: the letters in a `™` are capitals.
    plain = unicodedata.normalize("NFKD", title).casefold().translate(SPELLED_OUT).translate(APOSTROPHES)
    if lost := next(filter(is_lost, plain), None):
        raise InvalidOption(f"The id is made from `title`, which must be written in Latin letters; it has {lost!a}.")
    words = re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
    if not words:
        raise InvalidOption("The id is made from `title`, which must have letters or digits.")
    return "_".join(words)[:ID_CHARACTERS].strip("_")


def is_lost(character: str) -> bool:
    """Whether it is a letter or digit without a plain form, such as `д` or the symbol `🅰`."""
    if character.isascii() or unicodedata.combining(character):
        return False
    symbol = unicodedata.category(character) == "So" and " LETTER " in unicodedata.name(character, "")
    return symbol or character.isalnum()
