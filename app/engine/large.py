"""Results too large for one pass of the network, up to a print of a metre: 100 megapixels in bounded memory.

With `stroke=auto` the picture is painted small, as all large ones are. Enlarged from there it would be soft, so it is
painted over in tiles, in steps of at most `MOST_ENLARGED`, and of each painting over only that is taken which the
enlargement lacks: its detail. Strokes and colours stay those of the small picture, and every step adds finer ones.

With a number as the stroke the network works at the size which that says, in tiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from app.engine.layer import Layer
from app.engine.recovery import paint_one
from app.engine.region import Area, Manner, Region
from app.engine.repainting import Repainting, mixed
from app.engine.stylizer import Blend, Stylizer
from app.engine.tiled_painter import Finish, Report, TiledPainter
from app.errors import InvalidOption
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


def no_shares(area: Area) -> Pixels:
    """Where there are no regions."""
    raise ValueError(f"nothing says where {area} is")


@dataclass(frozen=True)
class LargeRendering:
    """How it is painted; the attributes are those of `Rendering`.

    Attributes:
        network_pixels: longest edge of what the network sees in one pass.
        progress: is told the share that is done, 0..1; what it raises ends the painting.
        mask: (H, W) at the photo's size, the share of the strength of `rest` that each pixel has, of 255.
        shares: of an area, (H, W) at the photo's size, how much of each pixel is within it, of 255.
    """

    stylizer: Stylizer
    rest: Manner
    stroke: Stroke
    boldness: float
    network_pixels: int
    progress: Report
    mask: Pixels | None = None
    regions: Sequence[Region] = ()
    shares: Callable[[Area], Pixels] = no_shares

    def of(self, content: Picture, size: tuple[int, int]) -> Picture:
        """The stylized image at width x height.

        Args:
            content: the photo, not larger than `size`.

        Raises:
            PasticheError: and InvalidOption below it, for a model that cannot paint in tiles.
        """
        # Named nowhere else: a painting is 130 MB, which the next one wants.
        paintings = self._paintings(content, size)
        result = Layer(content, next(paintings), self.rest).assembled(size, self.mask)
        for region in self.regions:
            Layer(content, next(paintings), region.manner).lay_over(result.rgb, self.shares(region.area))
        return result

    def _paintings(self, content: Picture, size: tuple[int, int]) -> Iterator[Pixels]:
        """The network's output for the rest and then for each region; the photo where there is no strength."""
        blend, painted = None, content.rgb
        for place, manner in enumerate((self.rest, *(region.manner for region in self.regions))):
            if manner.strength > 0 and manner.blend != blend:
                painted = content.rgb
                progress = part_of(self.progress, place, 1 + len(self.regions))
                blend, painted = manner.blend, self._painted(content, size, manner.blend, progress)
            yield painted if manner.strength > 0 else content.rgb

    def _painted(self, content: Picture, size: tuple[int, int], blend: Blend, progress: Report) -> Pixels:
        painted = self._by_steps if self.stroke == AUTO else self._at_stroke
        return painted(content, size, blend, progress)

    def _by_steps(self, content: Picture, size: tuple[int, int], blend: Blend, progress: Report) -> Pixels:
        first = painted_size(*size, AUTO, self.network_pixels)
        repainting = Repainting(self.boldness, repainted_size(*size, AUTO, self.network_pixels))
        painted = paint_one(self.stylizer, whole(content, first), blend, repainting)
        sizes = steps((painted.shape[1], painted.shape[0]), size)
        painter = self._painter(blend)
        for step, report in zip(sizes, shares(sizes, progress), strict=True):
            enlarged = max(step) / max(painted.shape)
            painted = painter.paint(Enlargement(painted, *step), report, detailed(enlarged), DETAIL_OVERLAP)
        return painted

    def _at_stroke(self, content: Picture, size: tuple[int, int], blend: Blend, progress: Report) -> Pixels:
        seen = painted_size(*size, self.stroke, max(size))
        if max(seen) <= self.network_pixels:
            return paint_one(self.stylizer, whole(content, seen), blend, Repainting(self.boldness))
        painter = self._painter(blend)
        passes = shares([seen] * (1 + (self.boldness > 0)), progress)
        photo = whole(content, seen) if content.width > seen[0] else content.rgb
        painted = painter.paint(Enlargement(photo, *seen), passes[0])
        if self.boldness:
            painted = painter.paint(Enlargement(painted, *seen), passes[1], bold(self.boldness))
        return painted

    def _painter(self, blend: Blend) -> TiledPainter:
        generator, *rows = self.stylizer.network(blend)
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


def part_of(progress: Report, done: int, count: int) -> Report:
    """Of the whole work, for one of `count` equal parts, when so many are done."""
    return lambda share: progress((done + share) / count)
