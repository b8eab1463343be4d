"""The id of a style, made from its title."""

from __future__ import annotations

import re
import unicodedata

from app.errors import InvalidOption

ID_CHARACTERS = 64
# Letters of European titles that have no plain letter inside them. Titles are lower-case by then.
SPELLED_OUT = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)


def style_id_of(title: str) -> str:
    """`Les Nymphéas, 1906` -> `les_nympheas_1906`: what app.training.recipe.StyleId allows, at most 64 characters.

    Raises:
        InvalidOption: the title has letters of another script, which would be lost, or none at all.
    """
    plain = unicodedata.normalize("NFKD", title.casefold().translate(SPELLED_OUT))
    if lost := next((c for c in plain if not c.isascii() and c.isalnum()), None):
        raise InvalidOption(f"The id is made from `title`, which must be written in Latin letters; it has {lost!a}.")
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    words = re.findall(r"[a-z0-9]+", letters.replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", ""))
    if not words:
        raise InvalidOption("The id is made from `title`, which must have letters or digits.")
    return "_".join(words)[:ID_CHARACTERS].strip("_")
