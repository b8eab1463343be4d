"""A photo as it was sent, with the options that came with it."""

from __future__ import annotations

from starlette.requests import Request

from app.api.http.body import Body
from app.api.http.multipart import parse_form
from app.api.service import Service
from app.api.stylize.options import Options, Pairs, check_names, merge, read_options
from app.errors import EmptyBody

FORM = "multipart/form-data"
IMAGE_FIELD = "image"


class Photo:
    """Encoded bytes that are counted against the upload budget until they are dropped."""

    def __init__(self, data: bytes, body: Body) -> None:
        self.data = data
        self._body: Body | None = body

    def handed_over(self) -> Photo:
        """The same photo for a task that may outlive this request; nothing is left to drop here."""
        assert self._body is not None, "dropped or handed over before"
        other = Photo(self.data, self._body)
        self.data, self._body = b"", None
        return other

    def drop(self) -> None:
        self.data = b""
        if self._body is not None:
            self._body.drop()


async def receive_photo(request: Request, service: Service, accept: str) -> tuple[Photo, Options]:
    """Read and check everything that the client sent; options in the query before the body.

    Args:
        accept: what chooses the format, as the header of that name.

    Raises:
        RequestError: and below it, but for PictureError: the image is not decoded yet.
        Overloaded: too many uploads at once.
        ClientGone.
    """
    settings = service.settings
    body = Body(request, settings.body_bytes, service.uploads)
    query = request.query_params.multi_items()
    content_type = request.headers.get("content-type", "")
    try:
        if content_type.partition(";")[0].strip().lower() == FORM:
            check_names(query)
            pictures, fields = await parse_form(content_type, body.chunks(), {IMAGE_FIELD: 1})
            [data] = pictures[IMAGE_FIELD]
            options = options_of(merge(query, fields), accept, service)
        else:
            # Any other type is only a hint: curl sends photos as application/x-www-form-urlencoded.
            options = options_of(query, accept, service)
            data = await body.read()
        if not data:
            raise EmptyBody("The body is empty: send a photo.")
    except BaseException:
        body.drop()
        raise
    return Photo(data, body), options


def options_of(pairs: Pairs, accept: str, service: Service) -> Options:
    return read_options(pairs, accept, service.catalogue, service.settings.edge_pixels)
