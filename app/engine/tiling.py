"""How a large picture is cut into tiles: what each shows of it, and what of that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Span:
    """Along one edge: the network sees `start` to `stop`, of which `first` to `last` are kept."""

    start: int
    stop: int
    first: int
    last: int


def spans(edge: int, most: int, overlap: int, multiple: int) -> list[Span]:
    """Spans whose kept parts cover `edge` without gaps, each seeing `overlap` more on both sides where there is more.

    Args:
        edge: a multiple of `multiple`, as all results are: so each span meets the network's strides as the whole does.
        most: what one span may see.
    """
    if edge <= most:
        return [Span(0, edge, 0, edge)]
    around = -(-overlap // multiple) * multiple
    count = -(-edge // (most // multiple * multiple - 2 * around))
    step = -(-edge // (count * multiple)) * multiple
    kept = [(first, min(first + step, edge)) for first in range(0, edge, step)]
    return [Span(max(0, first - around), min(edge, last + around), first, last) for first, last in kept]


def samples(height: int, width: int, count: int, edge: int, multiple: int) -> Iterator[tuple[int, int]]:
    """Where about `count` squares of `edge` begin, row and column, that are spread evenly over height x width."""
    rows = max(1, min(count, round((count * height / width) ** 0.5)))
    columns = max(1, round(count / rows))
    places = (places_along(side, many, edge, multiple) for side, many in ((height, rows), (width, columns)))
    yield from product(*places)


def places_along(side: int, count: int, edge: int, multiple: int) -> list[int]:
    room = side - min(edge, side)
    return [int(room * (place + 0.5) / count) // multiple * multiple for place in range(count)]


def mirrored_places(start: int, stop: int, edge: int, smallest: int, margin: int) -> NDArray[np.int64]:
    """Which of `edge` positions lie at `start` to `stop` of what `pad_to_multiple` makes of them."""
    repeated = max(edge, smallest)
    places = np.abs(np.arange(start, stop) - margin)
    return np.minimum(np.where(places < repeated, places, 2 * (repeated - 1) - places), edge - 1)
