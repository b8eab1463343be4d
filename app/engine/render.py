"""Stylize one image directly, without the queue, as the command line and the jobs do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.engine.large import LargeRendering
from app.engine.recovery import paint_one
from app.engine.repainting import Repainting
from app.engine.stylizer import Blend, Stylizer
from app.engine.tiled_painter import Report
from app.errors import InvalidOption, PictureError
from app.imaging.compose import Colour, compose, shows_photo
from app.imaging.content import decode_at, large_size, reading_edge, working_size
from app.imaging.decode import Header, decode, probe
from app.imaging.encode import check_size
from app.imaging.mask import check_shape, read_mask
from app.imaging.picture import Picture, Pixels
from app.imaging.resize import resize
from app.imaging.stroke import Stroke, at_size, largest_edge, painted_size, repainted_size
from app.settings import Settings


@dataclass(frozen=True)
class Large:
    """For whom results may be larger than an answer's.

    Attributes:
        format: in which they are encoded.
        progress: see `LargeRendering`.
    """

    format: str
    progress: Report


@dataclass(frozen=True)
class Rendering:
    """How images are stylized: the options of `POST /v1/stylize`, and what it does with them.

    Attributes:
        size: longer edge of the results in pixels, None for each image's own up to the settings' limit.
        enlarges: whether large results are painted over at twice the size; frames of a clip are not, since that takes
            five times as long.
        steady: what becomes of the network's output for the pixels that it saw; None: it stays as it is.
        mask: an encoded image that says where the image is stylized; empty: everywhere.
    """

    stylizer: Stylizer
    blend: Blend
    settings: Settings
    size: int | None
    stroke: Stroke
    color: Colour
    strength: float
    boldness: float = 0.0
    enlarges: bool = True
    steady: Callable[[Pixels, Pixels], Pixels] | None = None
    mask: bytes = b""

    def of_photo(self, data: bytes, large: Large | None = None) -> Picture:
        """The stylized image of an encoded photo. Raises PasticheError if it fails."""
        settings = self.settings
        megapixels = settings.largest_megapixels if large else settings.picture_megapixels
        header = probe(data, megapixels)
        if large and (size := result_size(header, self.size, self.stroke, settings)):
            return self._large(data, header, size, large)

        def decoded(width: int, height: int) -> Picture:
            return decode_at(data, width, height, megapixels, settings.decode_bytes)

        return self._of(header.width, header.height, decoded)

    def _large(self, data: bytes, header: Header, size: tuple[int, int], large: Large) -> Picture:
        settings = self.settings
        check_size(*size, large.format)
        wanted, shown = size, shows_photo(self.color, self.strength, masked=bool(self.mask))
        if header.format == "jpeg" and not shown:  # it has no alpha
            wanted = painted_size(*size, self.stroke, settings.network_edge_pixels)
        edge = reading_edge(header, max(wanted), settings.decode_bytes)
        content = decode(data, settings.largest_megapixels, edge, max_bytes=settings.decode_bytes)
        rendering = LargeRendering(
            self.stylizer,
            self.blend,
            self.stroke,
            self.color,
            self.strength,
            self.boldness,
            settings.network_edge_pixels,
            large.progress,
            self._mask_at(content.width, content.height) if self.mask else None,
        )
        return rendering.of(content, size)

    def of_picture(self, picture: Picture) -> Picture:
        """The stylized image of one that is decoded. Raises PasticheError if it fails."""

        def resized(width: int, height: int) -> Picture:
            same = (width, height) == (picture.width, picture.height)
            return picture if same else resize(picture, width, height)

        return self._of(picture.width, picture.height, resized)

    def _of(self, width: int, height: int, at: Callable[[int, int], Picture]) -> Picture:
        """Args: at: the image of that width and height, at another width and height."""
        whole = working_size(width, height, self.size, largest_edge(self.stroke, *self.settings.edges))
        if self.strength == 0:
            return at(*whole)
        mask = self._mask_at(*whole) if self.mask else None
        seen = at(*painted_size(*whole, self.stroke, self.settings.network_edge_pixels))
        enlarged = repainted_size(*whole, self.stroke, self.settings.network_edge_pixels) if self.enlarges else None
        painted = paint_one(self.stylizer, seen.rgb, self.blend, Repainting(self.boldness, enlarged))
        if self.steady:
            painted = self.steady(seen.rgb, painted)
        if (seen.width, seen.height) == whole:
            return compose(seen, painted, self.color, self.strength, mask)
        if seen.alpha is None and not shows_photo(self.color, self.strength, masked=mask is not None):
            return Picture(at_size(painted, *whole))
        return compose(at(*whole), painted, self.color, self.strength, mask)

    def _mask_at(self, width: int, height: int) -> Pixels:
        most, most_bytes = self.settings.picture_megapixels, self.settings.decode_bytes
        try:
            check_shape(probe(self.mask, most), width, height)
            return read_mask(self.mask, width, height, most, most_bytes)
        except PictureError as error:
            raise InvalidOption(f"The mask cannot be read: {error.detail}") from error


def result_size(header: Header, size: int | None, stroke: Stroke, settings: Settings) -> tuple[int, int] | None:
    """Width and height of a result that is too large for an answer; None: it is not.

    Raises:
        InvalidOption: it is too large for any.
    """
    most = largest_edge(stroke, settings.large_edge, settings.large_edge)
    whole = large_size(header.width, header.height, size, most, settings.large_megapixels)
    return whole if max(whole) > largest_edge(stroke, *settings.edges) else None
