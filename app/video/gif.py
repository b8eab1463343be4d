"""GIF: one palette for the whole clip, and no dithering.

A palette for each frame makes still places flicker, and dithering makes strong edges sparkle. Painted clips have no
large even surfaces, where bands would be seen without it. `benchmarks/quality/gif.py` has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.video.animated_webp import Still, frames_of, stills_of

Mask = NDArray[np.bool_]

CODER = "Pillow"
COLOURS = 256
# Frames that the palette is made of, at even distances, and pixels of each.
SAMPLED_FRAMES, SAMPLED_PIXELS = 48, 20_000
# From here on a pixel is shown; a GIF knows nothing between.
OPAQUE = 128
# Hundredths of a second. What is to last less is shown for a tenth by every browser.
SHORTEST = 2


def gif_of(pieces: Sequence[bytes], plays: int, step: Callable[[], object] = lambda: None) -> bytes:
    """The clip that the pieces make up, as a GIF. It is held in memory, at a byte a pixel.

    Where frames come faster than a GIF can show them, some are left out, and the others keep their times.

    Args:
        pieces: as `animated_webp.write_piece` returns them; one at least.
        plays: how often it is shown, 0 for ever.
        step: called for each frame.
    """
    palette, transparent = palette_of(pieces, step)
    images = Indexed(stills_of(pieces), palette, step)
    first = next(images)
    # Pillow holds all frames until the end; each is a rectangle of what has changed.
    how: dict[str, Any] = {} if plays == 1 else {"loop": max(0, plays - 1)}
    if transparent:
        how |= {"transparency": COLOURS - 1, "disposal": 2}
    file = BytesIO()
    first.save(file, "gif", save_all=True, append_images=images, duration=images.milliseconds, optimize=False, **how)
    return file.getvalue()


def palette_of(pieces: Sequence[bytes], step: Callable[[], object]) -> tuple[Image.Image, bool]:
    """An image with the palette, and whether anything is transparent, for which the last colour is left free."""
    every = max(1, frames_of(pieces) // SAMPLED_FRAMES)
    samples, transparent = [np.zeros((1, 3), np.uint8)], False
    for number, still in enumerate(stills_of(pieces)):
        step()
        shown = seen(still)
        transparent = transparent or shown is not None
        if number % every == 0:
            pixels = still.picture.rgb.reshape(-1, 3) if shown is None else still.picture.rgb[shown]
            samples.append(pixels[:: max(1, len(pixels) // SAMPLED_PIXELS)])
    sheet = Image.fromarray(np.concatenate(samples)[None])
    # By an octree: the colours are nearer than after a median cut.
    found = sheet.quantize(COLOURS - transparent, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    colours = found.getpalette() or []
    # Nothing is drawn with what is left of it; zeros would attract what is black.
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours + colours[:3] * (COLOURS - len(colours) // 3))
    return palette, transparent


def seen(still: Still) -> Mask | None:
    """Where it is to be seen, (H, W); None: everywhere."""
    alpha = still.picture.alpha
    return None if alpha is None or alpha.min() >= OPAQUE else alpha >= OPAQUE


class Indexed(Iterator[Image.Image]):
    """Frames with the palette, as Pillow takes them, one at a time.

    Attributes:
        milliseconds: that those given so far are shown; the rounding of each is made good by the next.
    """

    def __init__(self, stills: Iterator[Still], palette: Image.Image, step: Callable[[], object]) -> None:
        self._stills = stills
        self._palette = palette
        self._step = step
        self._due = 0  # milliseconds: the end of the last one that was read
        self._clock = 0  # hundredths of a second: the end of the last one that was given
        self.milliseconds: list[int] = []

    def __next__(self) -> Image.Image:
        while True:
            still = next(self._stills)
            self._step()
            self._due += still.milliseconds
            lasts = round(self._due / 10) - self._clock
            if lasts >= SHORTEST or not self.milliseconds:
                lasts = max(lasts, SHORTEST)
                self._clock += lasts
                self.milliseconds.append(10 * lasts)
                return self._indexed(still)

    def _indexed(self, still: Still) -> Image.Image:
        image = Image.fromarray(still.picture.rgb).quantize(palette=self._palette, dither=Image.Dither.NONE)
        shown = seen(still)
        if shown is None:
            return image
        places = np.asarray(image).copy()
        places[places == COLOURS - 1] = 0  # the same colour
        places[~shown] = COLOURS - 1
        masked = Image.fromarray(places, "P")
        masked.putpalette(self._palette.getpalette() or [])
        return masked
