import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.http.multipart import FIELD_BYTES, FIELDS, parse_form, read_form
from app.errors import MalformedBody

TYPE = "multipart/form-data; boundary=cut"


def part(name, content, extra=""):
    return f'--cut\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + content + b"\r\n"


IMAGE = part("image", b"\x89PNG\r\n--cu", '; filename="a.png"')
END = b"--cut--\r\n"


def parse(body, content_type=TYPE, step=None):
    async def chunks():
        for start in range(0, len(body), step or len(body) or 1):
            yield body[start : start + (step or len(body))]

    pictures, fields = asyncio.run(parse_form(content_type, chunks(), {"image": 1}))
    [image] = pictures["image"]
    return image, fields


def test_a_form_with_several_pictures_under_one_name():
    async def chunks():
        yield part("style", b"one") + part("content", b"photo") + part("weights", b"1,2") + part("style", b"two") + END

    pictures, fields = asyncio.run(parse_form(TYPE, chunks(), {"content": 1, "style": 2}))
    assert pictures == {"content": [b"photo"], "style": [b"one", b"two"]}
    assert fields == [("weights", "1,2")]
    with pytest.raises(MalformedBody, match="more than one `style`"):
        asyncio.run(parse_form(TYPE, chunks(), {"content": 1, "style": 1}))


@given(step=st.integers(1, 300))
@settings(deadline=None)
def test_a_form_is_read_alike_however_it_is_cut_into_chunks(step):
    body = part("styles", b"great_wave") + IMAGE + part("size", "64 ü".encode()) + END
    assert parse(body, step=step) == (b"\x89PNG\r\n--cu", [("styles", "great_wave"), ("size", "64 ü")])


def test_a_picture_needs_no_file_name():
    assert parse(part("image", b"bytes") + END) == (b"bytes", [])


def test_an_empty_picture_is_read_as_no_bytes():
    assert parse(part("image", b"") + END) == (b"", [])


def test_a_quoted_boundary_and_text_around_the_form():
    body = b"preamble\r\n" + IMAGE.replace(b"--cut", b"--a b") + b"--a b--\r\nepilogue"
    assert parse(IMAGE + END + b"epilogue")[1] == []
    assert parse(body[len(b"preamble\r\n") :], 'multipart/form-data; boundary="a b"')[1] == []


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "ends before its closing boundary"),
        (END, "cannot be parsed|has no `image`"),
        (part("styles", b"x") + END, "has no `image`"),
        (IMAGE, "ends before its closing boundary"),
        (IMAGE[:-20], "ends before its closing boundary"),
        (IMAGE + IMAGE + END, "more than one `image`"),
        (b"not a form at all", "cannot be parsed"),
        (IMAGE.replace(b"--cut", b"--other") + b"--other--", "cannot be parsed: the boundary"),
        (b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END, "lacks"),
        (b"--cut\r\nContent-Type: image/png\r\n\r\nx\r\n" + END, "lacks"),
        (b'--cut\r\nContent-Disposition: attachment; name="image"\r\n\r\nx\r\n' + END, "lacks"),
        (IMAGE + part("styles", b"\xff\xfe") + END, "field 'styles' is not UTF-8"),
        (IMAGE + part("styles", b"x" * (FIELD_BYTES + 1)) + END, "field 'styles' has more than 4096 bytes"),
        (IMAGE.replace(b'"image"', b'"photo"') + END, "'photo' is a file, which only `image` may be"),
        (part("file", b"x" * (FIELD_BYTES + 1), '; filename="a"') + END, "'file' is a file, which only `image` may be"),
        (IMAGE + part("styles", b"x") * (FIELDS + 1) + END, "more than 32 fields"),
        (b"--cut\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", "cannot be parsed"),
    ],
)
def test_a_broken_form_is_told_what_is_wrong_with_it(body, detail):
    with pytest.raises(MalformedBody, match=detail):
        parse(body)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 300],
)
def test_a_content_type_without_a_usable_boundary(content_type):
    with pytest.raises(MalformedBody):
        parse(IMAGE + END, content_type)


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_give_a_form_or_a_problem(body):
    for whole in (body, b"--cut\r\n" + body, IMAGE + b"--cut" + body):
        try:
            parse(whole)
        except MalformedBody:
            continue


@pytest.mark.parametrize("step", [None, 1, 7])
@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"This is a form.\r\n", b"--cu\r\n", b"a\r\n" * 1000])
def test_what_stands_before_the_first_boundary_means_nothing(preamble, step):
    body = preamble + IMAGE + part("styles", b"great_wave") + END + b"and what stands behind the last"
    assert parse(body, step=step) == (b"\x89PNG\r\n--cu", [("styles", "great_wave")])


def test_a_form_without_its_boundary_is_malformed():
    with pytest.raises(MalformedBody, match="boundary that its Content-Type names"):
        parse(b"no boundary " * 1000)


def test_files_have_names_and_a_field_may_be_allowed_to_be_long():
    async def chunks(text):
        yield IMAGE + part("mask", b"m", '; filename="sky \xc3\xa9.png"'.encode("latin-1").decode("utf-8"))
        yield part("mask", b"n") + part("regions", text) + END

    def read(text):
        return asyncio.run(read_form(TYPE, chunks(text), {"image": 1}, {"mask": 2}, {"regions": 5000}))

    parts = read(b"r" * 5000)
    assert parts.filenames == {"image": ["a.png"], "mask": ["sky \u00e9.png", ""]}
    assert parts.fields == [("regions", "r" * 5000)]
    with pytest.raises(MalformedBody, match="more than 5000 bytes"):
        read(b"r" * 5001)
