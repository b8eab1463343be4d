"""Finding styles by id, title or artist, ignoring case and accents."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher, get_close_matches

from app.registry.manifest import Style

# Most characters of a query that are used; longer than any title that one would type.
WANTED_CHARACTERS = 64
MAX_NEAREST = 3
# Most styles that are named, such as all works of an artist.
MAX_MATCHING = 10
# How similar a misspelt word must be (difflib's ratio).
LIKE = 0.75


def matching(wanted: str, styles: Sequence[Style]) -> list[Style]:
    """The styles whose id, title and artist contain every word of `wanted`, also within a word."""
    words = folded(wanted).replace("_", " ").split()
    return [style for style in styles if words and all(word in text_of(style) for word in words)]


def nearest(wanted: str, styles: Sequence[Style]) -> list[str]:
    """Ids that `wanted` may mean, best first: all that match, otherwise a few with a similar spelling."""
    wanted = wanted[:WANTED_CHARACTERS]
    if len(folded(wanted)) > 2 and (found := matching(wanted, styles)):
        return list(dict.fromkeys(style.id for style in found))[:MAX_MATCHING]
    ids = get_close_matches(wanted.lower(), sorted({style.id for style in styles}), MAX_NEAREST)
    return list(dict.fromkeys([*ids, *spelled_like(wanted, styles)]))[:MAX_NEAREST]


def spelled_like(wanted: str, styles: Sequence[Style]) -> list[str]:
    """Ids of styles whose title or artist, or a word of them, is spelled like `wanted`, best first."""
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
