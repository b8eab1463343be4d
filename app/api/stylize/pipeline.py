"""From a photo to a stylized image: probe, admission, decode, engine, colour, encode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from app.api.service import Service
from app.api.stages import Stages
from app.api.stylize.masks import MASK_FIELD
from app.api.stylize.options import Options
from app.api.stylize.result_cache import StylizedImage
from app.api.stylize.upload import Photo, naming
from app.engine.region import Area, Paintings, Region, blends_of
from app.engine.repainting import Repainting
from app.imaging.compose import shows_photo
from app.imaging.content import decode_at, working_size
from app.imaging.cost import Cost, colour_cost, encoding_cost, polygon_cost, resizing_cost, steadying_cost
from app.imaging.decode import Header
from app.imaging.encode import encode
from app.imaging.mask import check_shape, read_mask
from app.imaging.picture import Picture, Pixels
from app.imaging.polygon import Polygon
from app.imaging.stroke import at_size, largest_edge, painted_size, repainted_size

# Shares of a request's time. What the network begins within the first one of the end would be encoded for nobody; what
# is predicted to end within the other might come too late, so it is refused at once.
FINISHING = 0.03
SPARE = 0.1

# Of the pixels that the network saw and its paintings of them: what is shown of each.
Steadiness = Callable[[Pixels, Sequence[Pixels]], list[Pixels]]

NO_HEADERS: Mapping[str, Header] = MappingProxyType({})


async def paint(service: Service, photo: Photo, options: Options, deadline: float, stages: Stages) -> StylizedImage:
    """Stylize and encode. The photo's bytes are dropped as soon as they are decoded.

    Args:
        deadline: on the monotonic clock.

    Raises:
        PictureError: and below it, for bytes that cannot be read.
        ServiceError: and below it, if the service cannot do it now.
        asyncio.CancelledError: the client has left or the deadline is past; nothing is left behind.
    """
    most = service.settings.picture_megapixels
    header = await service.codecs.probe(photo.data, most, deadline, stages)
    masks = {}
    for name, data in photo.masks.items():
        with naming(name):
            masks[name] = await service.codecs.probe(data, most, deadline, stages)
    seconds = service.settings.deadline_seconds
    return await paint_probed(service, photo, header, options, deadline, stages, seconds, masks=masks)


async def paint_probed(
    service: Service,
    photo: Photo,
    header: Header,
    options: Options,
    deadline: float,
    stages: Stages,
    seconds: float,
    *,
    live: bool = False,
    steadiness: Steadiness | None = None,
    masks: Mapping[str, Header] = NO_HEADERS,
) -> StylizedImage:
    """As `paint`, for a photo whose header is known.

    Args:
        seconds: that there were until the deadline in all.
        live: whether it is a frame of a live session.
        steadiness: what becomes of the network's paintings; None: they stay as they are.
        masks: headers of the photo's masks by their names.
    """
    settings = service.settings
    size = working_size(header.width, header.height, options.size, largest_edge(options.stroke, *settings.edges))
    network_size = painted_size(*size, options.stroke, settings.network_edge_pixels)
    blends = blends_of(options.rest, options.regions)
    if not blends:
        network_size = size
    enlarged = None if live else repainted_size(*size, options.stroke, settings.network_edge_pixels)
    repainting = Repainting(options.boldness, enlarged)
    reading, finishing = costs(header, size, network_size, options, masks)
    if steadiness is not None:
        finishing += steadying_cost(len(blends) * network_size[0] * network_size[1])
    for decoding in decodings(header, size, network_size, options, masks):
        decoding.check(settings.decode_bytes)
    for name, mask in masks.items():
        check_shape(mask, *size, name)
    if not blends:
        with service.codecs.admit([reading + finishing], deadline) as work:
            return await work.run(stages, unpainted, service, photo.data, size, options, stages)
    # Both before a pixel is decoded: what is refused should cost nothing.
    with service.codecs.admit([reading, finishing], deadline) as work:
        ends, spare = deadline - FINISHING * seconds, SPARE * seconds
        megapixels = repainting.megapixels(*network_size)
        tickets = service.engine.admit_passes(len(blends), megapixels, ends, spare, live=live)
        try:
            seen = await work.run(stages, read, service, photo.data, network_size, stages)
            # At the result's size it is decoded after the network: many that wait for that would fill the memory.
            if network_size == size or not (whole_photo(options, masks) or seen.alpha is not None):
                photo.data = b""
            if not (photo.data or photo.masks):
                photo.drop()
            with stages.measure("engine"):
                futures = service.engine.submit_passes(tickets, options.stylizer, seen.rgb, blends, repainting)
                painted = await asyncio.gather(*map(asyncio.wrap_future, futures))
        finally:
            for ticket in tickets:
                service.engine.cancel(ticket)
        paintings = Paintings(blends, painted)
        return await work.run(stages, finish, service, photo, seen, paintings, size, options, stages, steadiness)


def whole_photo(options: Options, masks: Mapping[str, Header]) -> bool:
    """Whether something of the photo is shown at the result's size."""
    masked = MASK_FIELD in masks or bool(options.regions)
    return shows_photo(options.color, options.strength, masked=masked)


def costs(
    header: Header,
    size: tuple[int, int],
    network_size: tuple[int, int],
    options: Options,
    masks: Mapping[str, Header] = NO_HEADERS,
) -> tuple[Cost, Cost]:
    """The costs before and after the network, at these widths and heights."""
    pixels = size[0] * size[1]
    reading, *again = decodings(header, size, network_size, options, masks)
    resizing = resizing_cost(max(pixels, network_size[0] * network_size[1]) if network_size != size else 0)
    colours = colour_cost(pixels, options.color, options.strength, masked=MASK_FIELD in masks)
    regions = [resizing + region_cost(pixels, region) for region in options.regions]
    encoding = encoding_cost(options.format, pixels, options.quality)
    return reading, sum([*again, resizing, colours, *regions], encoding)


def region_cost(pixels: int, region: Region) -> Cost:
    """Of its colours, and of laying it over a result of so many pixels, beside the decoding of its mask."""
    drawing = polygon_cost(pixels) if isinstance(region.area, Polygon) else Cost(0, 0)
    return drawing + colour_cost(pixels, region.manner.color, region.manner.strength, masked=True)


def decodings(
    header: Header,
    size: tuple[int, int],
    network_size: tuple[int, int],
    options: Options,
    masks: Mapping[str, Header] = NO_HEADERS,
) -> list[Cost]:
    """The costs of decoding the photo for the network and, where that differs and is wanted, at the result's size; and
    of decoding the masks.
    """
    decoded = [(header, network_size)]
    # Of a JPEG it is known that it has no alpha.
    if network_size != size and (header.format != "jpeg" or whole_photo(options, masks)):
        decoded.append((header, size))
    decoded += [(mask, size) for mask in masks.values()]
    return [decoding_cost(picture, each) for picture, each in decoded]


def decoding_cost(header: Header, size: tuple[int, int]) -> Cost:
    """Of the photo at width x height, enlarged where it is smaller."""
    enlarged = size[0] * size[1] if max(size) > max(header.width, header.height) else 0
    return header.cost(max(size)) + resizing_cost(enlarged)


def read(service: Service, data: bytes, size: tuple[int, int], stages: Stages) -> Picture:
    """The photo at width x height, made smaller while decoding or enlarged after it. Runs in a codec thread."""
    settings = service.settings
    with stages.measure("decode"):
        return decode_at(data, *size, settings.picture_megapixels, settings.decode_bytes)


def unpainted(service: Service, data: bytes, size: tuple[int, int], options: Options, stages: Stages) -> StylizedImage:
    """The photo itself. In one step, so that no pixels of it wait for a thread. Runs in a codec thread."""
    return encoded(read(service, data, size, stages), options, stages)


def finish(
    service: Service,
    photo: Photo,
    seen: Picture,
    paintings: Paintings,
    size: tuple[int, int],
    options: Options,
    stages: Stages,
    steadiness: Steadiness | None,
) -> StylizedImage:
    """Steady strokes, size, colours, strength, and the encoder. Runs in a codec thread.

    Args:
        photo: its bytes, where more of it is wanted than was `seen`, else empty; and its masks.
    """
    if steadiness is not None:
        with stages.measure("steady"):
            paintings = paintings.changed(partial(steadiness, seen.rgb))
    content = read(service, photo.data, size, stages) if photo.data else seen

    def shares(area: Area) -> Pixels:
        return area.shares(*size) if isinstance(area, Polygon) else masked(service, photo, area, size)

    with stages.measure("colour"):
        if (content.width, content.height) == size:
            mask = shares(MASK_FIELD) if MASK_FIELD in photo.masks else None
            stylized = paintings.composed(content, options.rest, options.regions, shares, mask)
        else:
            stylized = Picture(at_size(paintings.in_blend(options.blend), *size))
    return encoded(stylized, options, stages)


def masked(service: Service, photo: Photo, name: str, size: tuple[int, int]) -> Pixels:
    """The shares of the mask with that name at width x height. Raises PictureError."""
    settings = service.settings
    with naming(name):
        return read_mask(photo.masks[name], *size, settings.picture_megapixels, settings.decode_bytes)


def encoded(picture: Picture, options: Options, stages: Stages) -> StylizedImage:
    with stages.measure("encode"):
        return StylizedImage(encode(picture, options.format, options.quality), picture.megapixels)
