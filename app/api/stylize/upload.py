"""A photo as it was sent, with the options that came with it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from starlette.requests import HTTPConnection, Request

from app.api.http.auth import owner_of, principal_of
from app.api.http.body import Body
from app.api.http.multipart import is_form, read_form
from app.api.schemas import OptionFields
from app.api.service import Service
from app.api.stylize.masks import MASK_FIELD, NO_MASKS, NO_NAMES, REGION_MASK_FIELD, masks_in, names_by_files
from app.api.stylize.options import (
    GivenRegions,
    GivenRows,
    Options,
    Pairs,
    check_names,
    merge,
    read_fields,
    read_options,
)
from app.engine.blend import handles_in
from app.engine.region import MAX_CHARACTERS, MAX_REGIONS, parse_regions
from app.engine.row import Row
from app.errors import EmptyBody, PictureError
from app.serving.catalogue import Catalogue

IMAGE_FIELD = "image"
STYLE_FIELD = "style"
# Each is held in memory by the worker of a job, with its statistics.
MAX_STYLES = 8
OPTIONAL = {STYLE_FIELD: MAX_STYLES, MASK_FIELD: 1, REGION_MASK_FIELD: MAX_REGIONS}


class Photo:
    """Encoded bytes that are counted against the upload budget until they are dropped; not so without a body.

    Attributes:
        data: of the photo itself.
        masks: of the images that say where it is stylized: `mask`, and those of regions.
    """

    def __init__(self, data: bytes, body: Body | None, masks: Mapping[str, bytes] = NO_MASKS) -> None:
        self.data = data
        self.masks = masks
        self._body = body

    def handed_over(self) -> Photo:
        """The same photo for a task that may outlive this request; nothing is left to drop here."""
        assert self._body is not None, "dropped or handed over before"
        other = Photo(self.data, self._body, self.masks)
        self.data, self.masks, self._body = b"", NO_MASKS, None
        return other

    def drop(self) -> None:
        self.data, self.masks = b"", NO_MASKS
        if self._body is not None:
            self._body.drop()


async def receive_photo(
    request: Request, service: Service, accept: str, *, later: bool = False
) -> tuple[Photo, Options]:
    """Read and check everything that the client sent; options in the query before the body.

    Args:
        accept: what chooses the format, as the header of that name.
        later: whether a job is to be made of it, whose result may be larger.

    Raises:
        RequestError: and below it, but for PictureError: the image is not decoded yet.
        Overloaded: too many uploads at once.
        ClientGone.
    """
    body = Body(request, service.settings.body_bytes, service.uploads)
    query = request.query_params.multi_items()
    content_type = request.headers.get("content-type", "")
    masks = NO_MASKS
    try:
        if is_form(content_type):
            check_names(OptionFields, query)
            form = await read_form(content_type, body.chunks(), {IMAGE_FIELD: 1}, OPTIONAL, {"regions": MAX_CHARACTERS})
            [data] = form.pictures[IMAGE_FIELD]
            masks = masks_in(form)
            pairs = merge(OptionFields, query, form.fields)
            names = names_by_files(form)
            styles = form.pictures[STYLE_FIELD]
            options = await options_of(request, service, pairs, accept, styles, later=later, region_masks=names)
        else:
            # Any other type is only a hint: curl sends photos as application/x-www-form-urlencoded.
            options = await options_of(request, service, query, accept, later=later)
            data = await body.read()
        if not data:
            raise EmptyBody("The body is empty: send a photo.")
    except BaseException:
        body.drop()
        raise
    return Photo(data, body, masks), options


async def options_of(
    request: HTTPConnection,
    service: Service,
    pairs: Pairs,
    accept: str,
    images: Sequence[bytes] = (),
    *,
    edge_pixels: int | None = None,
    later: bool = False,
    region_masks: Mapping[str, str] = NO_NAMES,
) -> Options:
    """The options with the rows of the style images that they name, or that came with them.

    Args:
        edge_pixels: longest edge of the result, where it is not the settings'.
        later: as in `receive_photo`.
        region_masks: as `names_by_files` has them.
    """
    catalogue, settings = service.catalogue, service.settings
    most, network_pixels = (settings.large_edge, settings.large_edge) if later else settings.edges
    jobs_edge = None if later or edge_pixels else settings.large_edge
    fields = read_fields(OptionFields, pairs, edge_pixels or most, network_pixels, len(images), jobs_edge)
    regions = GivenRegions(parse_regions(fields.regions) if fields.regions is not None else (), region_masks)
    named = ",".join(text for text in (fields.styles, *(each.styles for each in regions.fields)) if text)
    kept = await rows_of_handles(request, service, named, catalogue, fields.model)
    sent = await rows_of_images(request, service, images, catalogue, fields.model)
    return read_options(fields, accept, catalogue, GivenRows(kept, sent), regions)


async def rows_of_handles(
    request: HTTPConnection, service: Service, styles: str, catalogue: Catalogue, model: str | None
) -> dict[str, Row]:
    """Of the handles in a blend, for that model. Raises UnknownStyleImage, NoStyleEncoder, LedgerUnavailable."""
    handles = handles_in(styles)
    if not handles:
        return {}
    encoder = catalogue.encoder(catalogue.model(model))
    deadline = deadline_of(service)
    return await service.style_images.kept_rows(principal_of(request), handles, encoder, deadline)


async def rows_of_images(
    request: HTTPConnection, service: Service, images: Sequence[bytes], catalogue: Catalogue, model: str | None
) -> list[Row]:
    """Of the style images that came with a photo. Raises PictureError, NoStyleEncoder, Overloaded."""
    if not images:
        return []
    encoder = catalogue.encoder(catalogue.model(model))
    deadline, rows = deadline_of(service), []
    for place, data in enumerate(images):
        with naming(f"{STYLE_FIELD}-{place}"):
            rows.append(await service.style_images.row(owner_of(request), data, encoder, deadline))
    return rows


def deadline_of(service: Service) -> float:
    """For the upload and the look at it. What is stored then has limits of its own, and should not stop half-way."""
    return time.monotonic() + service.settings.deadline_seconds


@contextmanager
def naming(picture: str) -> Iterator[None]:
    """Has the problem of a picture tell which one it is."""
    try:
        yield
    except (PictureError, EmptyBody) as error:
        error.extra["picture"] = picture
        raise
