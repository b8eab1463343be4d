"""One photo on its way to a painting: probe, admission, decode, engine, colour, encode."""

from __future__ import annotations

import asyncio

from app.api.service import Service
from app.api.stages import Stages
from app.api.stylize.options import Options
from app.api.stylize.result_cache import StylizedImage
from app.api.stylize.upload import Photo
from app.imaging.colour import keep_colour, lay_over
from app.imaging.decode import Header, decode, probe
from app.imaging.encode import encode
from app.imaging.picture import Picture, Pixels
from app.imaging.resize import fitted, resize
from app.imaging.stroke import at_size, largest_edge, painted_size

# Shares of the time that a request has. What the network begins in the last of it would be encoded for nobody; and what
# is not predicted to be painted with the other to spare might come too late, and its client learn it late.
FINISHING = 0.03
SPARE = 0.1


async def paint(service: Service, photo: Photo, options: Options, deadline: float, stages: Stages) -> StylizedImage:
    """Paint and encode. The photo's bytes are dropped as soon as they are decoded.

    Args:
        deadline: on the monotonic clock.

    Raises:
        PictureError: and below it, for bytes that cannot be read.
        ServiceError: and below it, for a service that cannot paint it now.
        asyncio.CancelledError: the client has left or the deadline is past; nothing is left behind.
    """
    service.codecs.check_room()
    limit = service.settings.picture_megapixels
    header = await service.codecs.run(stages, probe, photo.data, limit)
    size = working_size(header, options.size, largest_edge(options.stroke, service.settings.edge_pixels))
    if options.strength == 0:
        content = await read(service, photo, size, stages)
        return await finish(service, content, content.rgb, options, stages)
    network_size = painted_size(*size, options.stroke)
    # Before a pixel is decoded: what is refused should cost nothing.
    time_given = service.settings.deadline_seconds
    ticket = service.engine.admit(
        network_size[0] * network_size[1] / 1e6, deadline - FINISHING * time_given, SPARE * time_given
    )
    try:
        content = await read(service, photo, size, stages)
        seen = await for_network(service, content, network_size, stages)
        with stages.measure("engine"):
            future = service.engine.submit(ticket, options.stylizer, seen, options.blend)
            painted = await asyncio.wrap_future(future)
    finally:
        service.engine.cancel(ticket)
    return await finish(service, content, painted, options, stages)


def working_size(header: Header, size: int | None, edge_pixels: int) -> tuple[int, int]:
    """Width and height of the answer: as asked for, else the photo's own, at most `edge_pixels` an edge."""
    longer = max(header.width, header.height)
    return fitted(header.width, header.height, size or min(longer, edge_pixels))


async def read(service: Service, photo: Photo, size: tuple[int, int], stages: Stages) -> Picture:
    """The photo at width x height, made smaller while decoding or enlarged after it."""

    def step() -> Picture:
        with stages.measure("decode"):
            picture = decode(photo.data, service.settings.picture_megapixels, max(size))
            return picture if (picture.width, picture.height) == size else resize(picture, *size)

    picture = await service.codecs.run(stages, step)
    photo.drop()
    return picture


async def for_network(service: Service, content: Picture, size: tuple[int, int], stages: Stages) -> Pixels:
    if (content.width, content.height) == size:
        return content.rgb

    def step() -> Pixels:
        with stages.measure("decode"):
            return at_size(content.rgb, *size)

    return await service.codecs.run(stages, step)


async def finish(
    service: Service, content: Picture, painted: Pixels, options: Options, stages: Stages
) -> StylizedImage:
    """Size, colours, strength, and the encoder, in one go in one thread.

    The size comes first: what `strength` and `color=keep` take from the photo is then as sharp as the photo.
    """

    def step() -> StylizedImage:
        with stages.measure("colour"):
            pixels = at_size(painted, content.width, content.height)
            if options.keep_colour:
                pixels = keep_colour(content.rgb, pixels)
            # Both ends are one of the two pictures, bit for bit, without a copy.
            if 0 < options.strength < 1:
                pixels = lay_over(content.rgb, pixels, options.strength)
        with stages.measure("encode"):
            data = encode(Picture(pixels, content.alpha), options.format, options.quality)
        return StylizedImage(data, content.megapixels)

    return await service.codecs.run(stages, step)
