"""From a photo to a stylized image: probe, admission, decode, engine, colour, encode."""

from __future__ import annotations

import asyncio

from app.api.service import Service
from app.api.stages import Stages
from app.api.stylize.options import Options
from app.api.stylize.result_cache import StylizedImage
from app.api.stylize.upload import Photo
from app.imaging.compose import compose
from app.imaging.content import decode_at, working_size
from app.imaging.cost import Cost, colour_cost, encoding_cost, resizing_cost
from app.imaging.decode import Header
from app.imaging.encode import encode
from app.imaging.picture import Picture, Pixels
from app.imaging.stroke import at_size, largest_edge, painted_size

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
    settings = service.settings
    header = await service.codecs.probe(photo.data, settings.picture_megapixels, deadline, stages)
    size = working_size(header.width, header.height, options.size, largest_edge(options.stroke, settings.edge_pixels))
    network_size = painted_size(*size, options.stroke)
    reading, finishing = costs(header, size, network_size, options)
    header.cost(max(size)).check(settings.decode_bytes)
    if options.strength == 0:
        with service.codecs.admit([reading + finishing], deadline) as work:
            return await work.run(stages, unpainted, service, photo.data, size, options, stages)
    # Both before a pixel is decoded: what is refused should cost nothing.
    with service.codecs.admit([reading, finishing], deadline) as work:
        time_given = settings.deadline_seconds
        ticket = service.engine.admit(
            network_size[0] * network_size[1] / 1e6, deadline - FINISHING * time_given, SPARE * time_given
        )
        try:
            content, seen = await work.run(stages, read, service, photo.data, size, network_size, stages)
            photo.drop()
            with stages.measure("engine"):
                future = service.engine.submit(ticket, options.stylizer, seen, options.blend)
                painted = await asyncio.wrap_future(future)
        finally:
            service.engine.cancel(ticket)
        return await work.run(stages, finish, content, painted, options, stages)


def costs(header: Header, size: tuple[int, int], network_size: tuple[int, int], options: Options) -> tuple[Cost, Cost]:
    """The costs before and after the network, at these widths and heights."""
    pixels = size[0] * size[1]
    resized = 0 if network_size == size else max(pixels, network_size[0] * network_size[1])
    enlarged = pixels if max(size) > max(header.width, header.height) else 0
    reading = header.cost(max(size)) + resizing_cost(enlarged) + resizing_cost(resized)
    colours = colour_cost(pixels, keep=options.color == "keep", strength=options.strength)
    return reading, resizing_cost(resized) + colours + encoding_cost(options.format, pixels, options.quality)


def read(
    service: Service, data: bytes, size: tuple[int, int], network_size: tuple[int, int], stages: Stages
) -> tuple[Picture, Pixels]:
    """The photo at width x height `size`, made smaller while decoding or enlarged after it, and what the network sees
    of it. Runs in a codec thread."""
    settings = service.settings
    with stages.measure("decode"):
        picture = decode_at(data, *size, settings.picture_megapixels, settings.decode_bytes)
        return picture, at_size(picture.rgb, *network_size)


def unpainted(service: Service, data: bytes, size: tuple[int, int], options: Options, stages: Stages) -> StylizedImage:
    """The photo itself. In one step, so that no pixels of it wait for a thread. Runs in a codec thread."""
    content, _ = read(service, data, size, size, stages)
    return finish(content, content.rgb, options, stages)


def finish(content: Picture, painted: Pixels, options: Options, stages: Stages) -> StylizedImage:
    """Size, colours, strength, and the encoder. Runs in a codec thread."""
    with stages.measure("colour"):
        stylized = compose(content, painted, options.color, options.strength)
    with stages.measure("encode"):
        data = encode(stylized, options.format, options.quality)
    return StylizedImage(data, content.megapixels)
