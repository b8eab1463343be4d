"""From a photo to a stylized image: probe, admission, decode, engine, colour, encode."""

from __future__ import annotations

import asyncio

from app.api.service import Service
from app.api.stages import Stages
from app.api.stylize.options import Options
from app.api.stylize.result_cache import StylizedImage
from app.api.stylize.upload import MASK_FIELD, Photo, naming
from app.engine.repainting import Repainting
from app.imaging.compose import compose, shows_photo
from app.imaging.content import decode_at, working_size
from app.imaging.cost import Cost, colour_cost, encoding_cost, resizing_cost
from app.imaging.decode import Header
from app.imaging.encode import encode
from app.imaging.mask import check_shape, read_mask
from app.imaging.picture import Picture, Pixels
from app.imaging.stroke import at_size, largest_edge, painted_size, repainted_size

# Shares of a request's time. What the network begins within the first one of the end would be encoded for nobody; what
# is predicted to end within the other might come too late, so it is refused at once.
FINISHING = 0.03
SPARE = 0.1


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
    mask = None
    if photo.mask:
        with naming(MASK_FIELD):
            mask = await service.codecs.probe(photo.mask, most, deadline, stages)
    seconds = service.settings.deadline_seconds
    return await paint_probed(service, photo, header, options, deadline, stages, seconds, mask=mask)


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
    mask: Header | None = None,
) -> StylizedImage:
    """As `paint`, for a photo whose header is known.

    Args:
        seconds: that there were until the deadline in all.
        live: whether it is a frame of a live session.
        mask: header of the photo's mask, if it has one.
    """
    settings = service.settings
    size = working_size(header.width, header.height, options.size, largest_edge(options.stroke, *settings.edges))
    network_size = painted_size(*size, options.stroke, settings.network_edge_pixels)
    if options.strength == 0:
        network_size = size
    enlarged = None if live else repainted_size(*size, options.stroke, settings.network_edge_pixels)
    repainting = Repainting(options.boldness, enlarged)
    reading, finishing = costs(header, size, network_size, options, mask)
    for decoding in decodings(header, size, network_size, options, mask):
        decoding.check(settings.decode_bytes)
    if mask is not None:
        check_shape(mask, *size)
    if options.strength == 0:
        with service.codecs.admit([reading + finishing], deadline) as work:
            return await work.run(stages, unpainted, service, photo.data, size, options, stages)
    # Both before a pixel is decoded: what is refused should cost nothing.
    with service.codecs.admit([reading, finishing], deadline) as work:
        ticket = service.engine.admit(
            repainting.megapixels(*network_size), deadline - FINISHING * seconds, SPARE * seconds, live=live
        )
        try:
            seen = await work.run(stages, read, service, photo.data, network_size, stages)
            # At the result's size it is decoded after the network: many that wait for that would fill the memory.
            shown = shows_photo(options.color, options.strength, masked=mask is not None)
            if network_size == size or not (shown or seen.alpha is not None):
                photo.data = b""
            if not (photo.data or photo.mask):
                photo.drop()
            with stages.measure("engine"):
                future = service.engine.submit(ticket, options.stylizer, seen.rgb, options.blend, repainting)
                painted = await asyncio.wrap_future(future)
        finally:
            service.engine.cancel(ticket)
        return await work.run(stages, finish, service, photo, seen, painted, size, options, stages)


def costs(
    header: Header,
    size: tuple[int, int],
    network_size: tuple[int, int],
    options: Options,
    mask: Header | None = None,
) -> tuple[Cost, Cost]:
    """The costs before and after the network, at these widths and heights."""
    pixels = size[0] * size[1]
    reading, *again = decodings(header, size, network_size, options, mask)
    finishing = sum(again, Cost(0, 0))
    if network_size != size:
        finishing += resizing_cost(max(pixels, network_size[0] * network_size[1]))
    colours = colour_cost(pixels, options.color, options.strength, masked=mask is not None)
    return reading, finishing + colours + encoding_cost(options.format, pixels, options.quality)


def decodings(
    header: Header,
    size: tuple[int, int],
    network_size: tuple[int, int],
    options: Options,
    mask: Header | None = None,
) -> list[Cost]:
    """The costs of decoding the photo for the network and, where that differs and is wanted, at the result's size; and
    of decoding the mask.
    """
    decoded = [(header, network_size)]
    shown = shows_photo(options.color, options.strength, masked=mask is not None)
    # Of a JPEG it is known that it has no alpha.
    if network_size != size and (header.format != "jpeg" or shown):
        decoded.append((header, size))
    if mask is not None:
        decoded.append((mask, size))
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
    painted: Pixels,
    size: tuple[int, int],
    options: Options,
    stages: Stages,
) -> StylizedImage:
    """Size, colours, strength, and the encoder. Runs in a codec thread.

    Args:
        photo: its bytes, where more of it is wanted than was `seen`, and its mask; each empty else.
    """
    content = read(service, photo.data, size, stages) if photo.data else seen
    mask = masked(service, photo.mask, size, stages) if photo.mask else None
    with stages.measure("colour"):
        if (content.width, content.height) == size:
            stylized = compose(content, painted, options.color, options.strength, mask)
        else:
            stylized = Picture(at_size(painted, *size))
    return encoded(stylized, options, stages)


def masked(service: Service, data: bytes, size: tuple[int, int], stages: Stages) -> Pixels:
    """The mask's shares at width x height. Raises PictureError."""
    settings = service.settings
    with stages.measure("decode"), naming(MASK_FIELD):
        return read_mask(data, *size, settings.picture_megapixels, settings.decode_bytes)


def encoded(picture: Picture, options: Options, stages: Stages) -> StylizedImage:
    with stages.measure("encode"):
        return StylizedImage(encode(picture, options.format, options.quality), picture.megapixels)
