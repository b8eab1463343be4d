"""Results too large for one pass of the network, up to a print of a metre: 100 megapixels in bounded memory.

With `stroke=auto` the picture is painted small, as all large ones are. Enlarged from there it would be soft, so it is
painted over in tiles, in steps of at most `MOST_ENLARGED`, and of each painting over only that is taken which the
enlargement lacks: its detail. Strokes and colours stay those of the small picture, and every step adds finer ones.

With a number as the stroke the network works at the size which that says, in tiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from app.engine.recovery import paint_one
from app.engine.repainting import Repainting, mixed
from app.engine.stylizer import Blend, Stylizer
from app.engine.tiled_painter import Finish, Report, TiledPainter
from app.errors import InvalidOption
from app.imaging.compose import Colour, compose, recolouring, shows_photo
from app.imaging.picture import Picture, Pixels
from app.imaging.region import Enlargement
from app.imaging.resize import fitted
from app.imaging.stroke import AUTO, Stroke, painted_size, repainted_size
from app.nets.generators import Trunk

# The last painting over is at this share of the result's edge, which is 44 % of its pixels and of the time: the
# rest of the way it is enlarged.
FINEST = 0.66
MOST_ENLARGED = 4.0
# Of the detail of a painting over: with all of it the picture is restless.
DETAIL = 0.5
# Pixels around a tile: see `tiled_painter.OVERLAP`; only half of a difference at fine frequencies is left here.
DETAIL_OVERLAP = 64
# Rows of the result that are enlarged and composed at a time.
STRIP_ROWS = 256


@dataclass(frozen=True)
class LargeRendering:
    """How it is painted; the attributes are those of `Rendering`.

    Attributes:
        network_pixels: longest edge of what the network sees in one pass.
        progress: is told the share that is done, 0..1; what it raises ends the painting.
        mask: (H, W) at the photo's size, the share of `strength` that each pixel has, of 255.
    """

    stylizer: Stylizer
    blend: Blend
    stroke: Stroke
    color: Colour
    strength: float
    boldness: float
    network_pixels: int
    progress: Report
    mask: Pixels | None = None

    def of(self, content: Picture, size: tuple[int, int]) -> Picture:
        """The stylized image at width x height.

        Args:
            content: the photo, not larger than `size`.

        Raises:
            PasticheError: and InvalidOption below it, for a model that cannot paint in tiles.
        """
        if self.strength == 0:
            return assembled(content, content.rgb, size, lambda photo, _part, _mask: photo)
        painted = self._by_steps(content, size) if self.stroke == AUTO else self._at_stroke(content, size)
        recoloured = recolouring(content.rgb, painted, self.color)

        def composed(photo: Picture, part: Pixels, mask: Pixels | None) -> Picture:
            return compose(photo, recoloured(photo.rgb, part), "style", self.strength, mask)

        seen = shows_photo(self.color, self.strength, masked=self.mask is not None)
        return assembled(content, painted, size, composed, self.mask, photo=seen)

    def _by_steps(self, content: Picture, size: tuple[int, int]) -> Pixels:
        first = painted_size(*size, AUTO, self.network_pixels)
        repainting = Repainting(self.boldness, repainted_size(*size, AUTO, self.network_pixels))
        painted = paint_one(self.stylizer, whole(content, first), self.blend, repainting)
        sizes = steps((painted.shape[1], painted.shape[0]), size)
        painter = self._painter()
        for step, progress in zip(sizes, shares(sizes, self.progress), strict=True):
            enlarged = max(step) / max(painted.shape)
            painted = painter.paint(Enlargement(painted, *step), progress, detailed(enlarged), DETAIL_OVERLAP)
        return painted

    def _at_stroke(self, content: Picture, size: tuple[int, int]) -> Pixels:
        seen = painted_size(*size, self.stroke, max(size))
        if max(seen) <= self.network_pixels:
            return paint_one(self.stylizer, whole(content, seen), self.blend, Repainting(self.boldness))
        painter = self._painter()
        passes = shares([seen] * (1 + (self.boldness > 0)), self.progress)
        photo = whole(content, seen) if content.width > seen[0] else content.rgb
        painted = painter.paint(Enlargement(photo, *seen), passes[0])
        if self.boldness:
            painted = painter.paint(Enlargement(painted, *seen), passes[1], bold(self.boldness))
        return painted

    def _painter(self) -> TiledPainter:
        generator, *rows = self.stylizer.network(self.blend)
        if not isinstance(generator, Trunk):
            raise InvalidOption("This model paints no picture as large as that: ask for a smaller `size`.")
        return TiledPainter(generator, self.stylizer.device, *rows)


def steps(painted: tuple[int, int], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Widths and heights at which a picture of `painted` is painted over, on the way to `size`."""
    ratio = FINEST * max(size) / max(painted)
    count = max(0, math.ceil(math.log(ratio, MOST_ENLARGED)))
    return [fitted(*size, round(max(painted) * ratio ** (step / count))) for step in range(1, count + 1)]


def shares(sizes: list[tuple[int, int]], progress: Report) -> list[Report]:
    """Of the whole work, for parts of it that paint pictures of these sizes one after the other."""
    pixels = [width * height for width, height in sizes]

    def told(part: int) -> Report:
        return lambda share: progress((sum(pixels[:part]) + share * pixels[part]) / sum(pixels))

    return [told(part) for part in range(len(sizes))]


def detailed(enlarged: float) -> Finish:
    """Adds to what was enlarged that many times the detail of its painting over which it lacks."""
    # A Gaussian with half of the amplitude left at about the finest frequency that the small picture had.
    soften = ImageFilter.GaussianBlur(enlarged / 2)

    def finish(seen: Pixels, painted: Pixels) -> Pixels:
        detail = painted.astype(np.int16) - np.asarray(Image.fromarray(painted).filter(soften))
        result: Pixels = np.clip(seen + np.rint(DETAIL * detail).astype(np.int16), 0, 255).astype(np.uint8)
        return result

    return finish


def bold(share: float) -> Finish:
    return lambda seen, painted: mixed(seen, painted, share)


def whole(content: Picture, size: tuple[int, int]) -> Pixels:
    """The photo at a size that one pass of the network takes."""
    if content.width >= size[0]:
        return np.asarray(Image.fromarray(content.rgb).resize(size, Image.Resampling.LANCZOS, None, 3.0))
    return Enlargement(content.rgb, *size).region(0, 0, size[1], size[0])


def assembled(
    content: Picture,
    painted: Pixels,
    size: tuple[int, int],
    composed: Callable[[Picture, Pixels, Pixels | None], Picture],
    mask: Pixels | None = None,
    *,
    photo: bool = True,
) -> Picture:
    """The result at width x height, made in strips of both pictures at its size.

    Args:
        photo: whether `composed` looks at the photo's colours.
    """
    width, height = size
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = None if content.alpha is None else np.empty((height, width), np.uint8)
    enlarged, photos = Enlargement(painted, *size), Enlargement(content.rgb, *size)
    covers = None if content.alpha is None else Enlargement(content.alpha, *size)
    masks = None if mask is None else Enlargement(mask, *size)
    for top in range(0, height, STRIP_ROWS):
        place = (top, 0, min(STRIP_ROWS, height - top), width)
        part = np.ascontiguousarray(enlarged.region(*place))
        seen = np.ascontiguousarray(photos.region(*place)) if photo else part
        rows = slice(top, top + place[2])
        rgb[rows] = composed(Picture(seen), part, masks.region(*place) if masks else None).rgb
        if alpha is not None and covers is not None:
            alpha[rows] = covers.region(*place)
    return Picture(rgb, alpha)
