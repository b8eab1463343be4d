"""multipart/form-data (RFC 7578) as a stream: images and options, nothing on disk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.api.http.preamble import Preamble
from app.errors import MalformedBody

FORM = "multipart/form-data"
# Options are a few words; what is longer is not one.
FIELD_BYTES = 4096
FIELDS = 32
NONE: Mapping[str, int] = MappingProxyType({})


def is_form(content_type: str) -> bool:
    """Whether a Content-Type header announces a form."""
    return content_type.partition(";")[0].strip().lower() == FORM


@dataclass(frozen=True)
class Parts:
    """What a form had.

    Attributes:
        pictures: by the name of their part, in order.
        filenames: of the pictures, empty where there is none.
        fields: name and value of the other parts, in order.
    """

    pictures: dict[str, list[bytes]]
    filenames: dict[str, list[str]]
    fields: list[tuple[str, str]]


class Form:
    """Collects the parts that the parser announces.

    Args:
        pictures: name of each part that is a picture -> how many of them there may be.
        texts: name of each field that may be longer than the others -> how many bytes it may have.

    Attributes:
        pictures, filenames, fields: as in `Parts`.
        ended: whether the closing boundary came.
    """

    def __init__(self, pictures: Mapping[str, int], texts: Mapping[str, int] = NONE) -> None:
        self.fields: list[tuple[str, str]] = []
        self.filenames: dict[str, list[str]] = {name: [] for name in pictures}
        self.ended = False
        self._most = pictures
        self._texts = texts
        self._chunks: dict[str, list[list[bytes]]] = {name: [] for name in pictures}
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._name = ""
        self._filename = ""
        self._text = bytearray()

    @property
    def pictures(self) -> dict[str, list[bytes]]:
        return {name: [b"".join(chunks) for chunks in parts] for name, parts in self._chunks.items()}

    def on_part_begin(self) -> None:
        self._disposition = b""
        self._text = bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def on_headers_finished(self) -> None:
        self._name, self._filename = names_of_part(self._disposition)
        if self._name not in self._most:
            if len(self.fields) == FIELDS:
                raise MalformedBody(f"The form has more than {FIELDS} fields.")
            return
        most = self._most[self._name]
        if len(self._chunks[self._name]) == most:
            raise MalformedBody(f"The form has more than {'one' if most == 1 else most} `{self._name}`.")
        self._chunks[self._name].append([])
        self.filenames[self._name].append(self._filename)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name in self._most:
            self._chunks[self._name][-1].append(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > (most := self._texts.get(self._name, FIELD_BYTES)):
            raise self._no_field(f"has more than {most} bytes")

    def on_part_end(self) -> None:
        if self._name not in self._most:
            try:
                self.fields.append((self._name, self._text.decode()))
            except UnicodeDecodeError:
                raise self._no_field("is not UTF-8 text") from None

    def _no_field(self, why: str) -> MalformedBody:
        """What to say of a part that is no picture and cannot be a field: mostly a picture under another name."""
        if self._filename:
            why = f"is a file, which only {' or '.join(f'`{name}`' for name in self._most)} may be"
        return MalformedBody(f"The field {self._name[:40]!a} {why}.")

    def on_end(self) -> None:
        self.ended = True


def names_of_part(disposition: bytes) -> tuple[str, str]:
    """Of the part, and of the file in it. Raises MalformedBody."""
    kind, parameters = parse_options_header(disposition)
    if kind != b"form-data" or b"name" not in parameters:
        raise MalformedBody('A part of the form lacks `Content-Disposition: form-data; name="…"`.')
    name, filename = (parameters.get(key, b"").decode("utf-8", "replace") for key in (b"name", b"filename"))
    return name, filename


async def parse_form(
    content_type: str, chunks: AsyncIterator[bytes], pictures: Mapping[str, int], optional: Mapping[str, int] = NONE
) -> tuple[dict[str, list[bytes]], list[tuple[str, str]]]:
    """The pictures by the name of their part, and the other fields.

    Arguments and errors are those of `read_form`.
    """
    parts = await read_form(content_type, chunks, pictures, optional)
    return parts.pictures, parts.fields


async def read_form(
    content_type: str,
    chunks: AsyncIterator[bytes],
    pictures: Mapping[str, int],
    optional: Mapping[str, int] = NONE,
    texts: Mapping[str, int] = NONE,
) -> Parts:
    """
    Args:
        pictures: name of each part that is a picture -> how many of them there may be; one at least.
        optional: of further ones, which need not be there.
        texts: as in `Form`.

    Raises:
        MalformedBody: not multipart, cut off, without a picture or with too many, or with endless fields.
        Whatever reading `chunks` raises.
    """
    form = Form({**pictures, **optional}, texts)
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not boundary:
        raise MalformedBody("The Content-Type has no `boundary`.")
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.on_part_begin,
                "on_header_field": form.on_header_field,
                "on_header_value": form.on_header_value,
                "on_header_end": form.on_header_end,
                "on_headers_finished": form.on_headers_finished,
                "on_part_data": form.on_part_data,
                "on_part_end": form.on_part_end,
                "on_end": form.on_end,
            },
        )
        preamble = Preamble(boundary)
        async for chunk in chunks:
            parser.write(preamble.strip(chunk))
    except FormParserError as error:
        raise MalformedBody("The form cannot be parsed.", private=repr(error)) from error
    if preamble.only:
        raise MalformedBody("The form cannot be parsed: the boundary that its Content-Type names is not in it.")
    if not form.ended:
        raise MalformedBody("The form ends before its closing boundary.")
    for name, filenames in form.filenames.items():
        if not filenames and name in pictures:
            raise MalformedBody(f"The form has no `{name}`.")
    return Parts(form.pictures, form.filenames, form.fields)
