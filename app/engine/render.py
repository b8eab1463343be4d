"""Stylize one image directly, without the queue, as the command line and the jobs do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from app.engine.large import LargeRendering
from app.engine.recovery import paint_in_each
from app.engine.region import Area, Manner, Paintings, Region, blends_of
from app.engine.repainting import Repainting
from app.engine.stylizer import Blend, Stylizer
from app.engine.tiled_painter import Report
from app.errors import InvalidOption, PictureError
from app.imaging.compose import Colour, shows_photo
from app.imaging.content import decode_at, large_size, reading_edge, working_size
from app.imaging.decode import Header, decode, probe
from app.imaging.encode import check_size
from app.imaging.mask import check_shape, read_mask
from app.imaging.picture import Picture, Pixels
from app.imaging.polygon import Polygon
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
        regions: parts that are painted in another way, each over those before it.
        region_masks: encoded images, by the names that regions have for them.
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
    regions: tuple[Region, ...] = ()
    region_masks: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def rest(self) -> Manner:
        """How it is painted where no region is."""
        return Manner(self.blend, self.strength, self.color)

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
        wanted = size
        if header.format == "jpeg" and not self._shows_photo:  # it has no alpha
            wanted = painted_size(*size, self.stroke, settings.network_edge_pixels)
        edge = reading_edge(header, max(wanted), settings.decode_bytes)
        content = decode(data, settings.largest_megapixels, edge, max_bytes=settings.decode_bytes)
        rendering = LargeRendering(
            self.stylizer,
            self.rest,
            self.stroke,
            self.boldness,
            settings.network_edge_pixels,
            large.progress,
            self._mask_at(content.width, content.height),
            self.regions,
            partial(self._shares, content.width, content.height),
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
        blends = blends_of(self.rest, self.regions)
        if not blends:
            return at(*whole)
        mask = self._mask_at(*whole)
        seen = at(*painted_size(*whole, self.stroke, self.settings.network_edge_pixels))
        enlarged = repainted_size(*whole, self.stroke, self.settings.network_edge_pixels) if self.enlarges else None
        painted = paint_in_each(self.stylizer, seen.rgb, blends, Repainting(self.boldness, enlarged))
        if self.steady:
            painted = [self.steady(seen.rgb, each) for each in painted]
        resized = (seen.width, seen.height) != whole
        if resized and seen.alpha is None and not self._shows_photo:
            return Picture(at_size(painted[0], *whole))
        content = at(*whole) if resized else seen
        shares = partial(self._shares, *whole)
        return Paintings(blends, painted).composed(content, self.rest, self.regions, shares, mask)

    @property
    def _shows_photo(self) -> bool:
        return shows_photo(self.color, self.strength, masked=bool(self.mask or self.regions))

    def _mask_at(self, width: int, height: int) -> Pixels | None:
        return self._read(self.mask, "mask", width, height) if self.mask else None

    def _shares(self, width: int, height: int, area: Area) -> Pixels:
        if isinstance(area, Polygon):
            return area.shares(width, height)
        return self._read(self.region_masks[area], area, width, height)

    def _read(self, mask: bytes, name: str, width: int, height: int) -> Pixels:
        most, most_bytes = self.settings.picture_megapixels, self.settings.decode_bytes
        try:
            check_shape(probe(mask, most), width, height, name)
            return read_mask(mask, width, height, most, most_bytes)
        except PictureError as error:
            raise InvalidOption(f"The {name} cannot be read: {error.detail}") from error


def result_size(header: Header, size: int | None, stroke: Stroke, settings: Settings) -> tuple[int, int] | None:
    """Width and height of a result that is too large for an answer; None: it is not.

    Raises:
        InvalidOption: it is too large for any.
    """
    most = largest_edge(stroke, settings.large_edge, settings.large_edge)
    whole = large_size(header.width, header.height, size, most, settings.large_megapixels)
    return whole if max(whole) > largest_edge(stroke, *settings.edges) else None
