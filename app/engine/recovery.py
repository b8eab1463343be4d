"""Run a batch so that every image has an outcome, whatever the network does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from app.engine.memory import is_out_of_memory, release_memory
from app.engine.repainting import ONCE, Repainting
from app.engine.stylizer import Blend, Stylizer
from app.errors import EngineFailed, OutOfMemory, PasticheError
from app.imaging.picture import Pixels

Outcome = Pixels | PasticheError

# Memory comes back when the images that hold it are done, which takes seconds.
OUT_OF_MEMORY_RETRY_SECONDS = 5

_log = structlog.get_logger(__name__)


def paint_or_explain(
    stylizer: Stylizer,
    pictures: Sequence[Pixels],
    blends: Sequence[Blend],
    repainting: Repainting = ONCE,
    *,
    again: bool = True,
) -> list[Outcome]:
    """For each image the result, or the problem that its client gets.

    If memory runs out, the batch is halved until the halves fit; a single picture is tried twice. Any other exception
    fails all pictures that ran together.

    Args:
        repainting: as in `Stylizer.paint`.
        again: whether these pictures may be tried once more if there is only one.
    """
    try:
        return list(stylizer.paint(pictures, blends, repainting))
    except Exception as error:  # noqa: BLE001 - whatever the network raises belongs to these pictures alone
        if not is_out_of_memory(error):
            _log.error("batch_failed", pictures=len(pictures), exc_info=error)
            return [EngineFailed("The engine failed on this image.", private=repr(error)) for _ in pictures]
        _log.warning("out_of_memory", pictures=len(pictures), shape=pictures[0].shape, error=str(error))
    # Out of the handler: the traceback held the tensors that have to go first.
    release_memory()
    if len(pictures) == 1 and not again:
        return [out_of_memory()]
    half = len(pictures) // 2
    parts = [slice(0, half), slice(half, None)] if half else [slice(0, 1)]
    return [
        outcome
        for part in parts
        for outcome in paint_or_explain(stylizer, pictures[part], blends[part], repainting, again=False)
    ]


@contextmanager
def explaining() -> Iterator[None]:
    """Has whatever the network raises become the problem that its client gets."""
    try:
        yield
    except PasticheError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory() from error
        _log.error("painting_failed", exc_info=error)
        raise EngineFailed("The engine failed on this image.", private=repr(error)) from error


def paint_one(stylizer: Stylizer, pixels: Pixels, blend: Blend, repainting: Repainting = ONCE) -> Pixels:
    """The network's output for pixels (H, W, 3), of their size or repainted. Raises PasticheError if it fails."""
    [painted] = paint_in_each(stylizer, pixels, [blend], repainting)
    return painted


def paint_in_each(
    stylizer: Stylizer, pixels: Pixels, blends: Sequence[Blend], repainting: Repainting = ONCE
) -> list[Pixels]:
    """As `paint_one`, in each of several blends: one batch."""
    paintings = []
    for painted in paint_or_explain(stylizer, [pixels] * len(blends), blends, repainting):
        if isinstance(painted, PasticheError):
            raise painted
        paintings.append(painted)
    return paintings


def out_of_memory() -> OutOfMemory:
    return OutOfMemory(
        "The picture does not fit into the memory that is free; ask for a smaller `size`.",
        retry_after_seconds=OUT_OF_MEMORY_RETRY_SECONDS,
    )
