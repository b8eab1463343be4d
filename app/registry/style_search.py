"""Styles by what people call them: the id, the title or the artist, in any case and without accents."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher, get_close_matches

from app.registry.manifest import Style

# What is looked for of a client's words; longer than any title that one would type.
WANTED_CHARACTERS = 64
MAX_NEAREST = 3
# Of an artist's works all are named, up to so many.
MAX_MATCHING = 10
# How like a word a misspelt one must be.
LIKE = 0.75


def matching(wanted: str, styles: Sequence[Style]) -> list[Style]:
    """The styles in whose id, title and artist every word of `wanted` occurs, also as a part of a word."""
    words = folded(wanted).replace("_", " ").split()
    return [style for style in styles if words and all(word in text_of(style) for word in words)]


def nearest(wanted: str, styles: Sequence[Style]) -> list[str]:
    """Ids that `wanted` may mean, the likeliest first: all that match it, else a few that are spelled like it."""
    wanted = wanted[:WANTED_CHARACTERS]
    if len(folded(wanted)) > 2 and (found := matching(wanted, styles)):
        return list(dict.fromkeys(style.id for style in found))[:MAX_MATCHING]
    ids = get_close_matches(wanted.lower(), sorted({style.id for style in styles}), MAX_NEAREST)
    return list(dict.fromkeys([*ids, *spelled_like(wanted, styles)]))[:MAX_NEAREST]


def spelled_like(wanted: str, styles: Sequence[Style]) -> list[str]:
    """Ids of styles with a title, an artist or a word of either that is spelled like `wanted`, the likest first."""
    likeness: dict[str, float] = {}
    for style in styles:
        names = [folded(name) for name in (style.title, style.artist or "") if name]
        words = [word for name in names for word in name.split() if len(word) > 3]
        best = max((SequenceMatcher(None, folded(wanted), name).ratio() for name in (*names, *words)), default=0.0)
        if best >= LIKE:
            likeness[style.id] = max(best, likeness.get(style.id, 0.0))
    return sorted(likeness, key=lambda style_id: -likeness[style_id])


def text_of(style: Style) -> str:
    return folded(f"{style.id.replace('_', ' ')} {style.title} {style.artist or ''}")


def folded(text: str) -> str:
    """Without case and accents: Cézanne is cezanne."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character)).strip()
