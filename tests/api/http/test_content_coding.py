"""Bodies that come compressed."""

import gzip
import zlib

import pytest
from starlette.datastructures import Headers

from app.api.http.content_coding import PIECE_BYTES, inflater_of
from app.errors import MalformedBody, UnsupportedCoding

PAINT = "/v1/stylize?styles=great_wave&format=png"
DATA = bytes(range(256)) * 4000


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def inflated(coding, data, step=1000):
    inflater = inflater_of(Headers({"content-encoding": coding}))
    found = b""
    for start in range(0, len(data), step):
        for piece in inflater.pieces(data[start : start + step]):
            assert len(piece) <= PIECE_BYTES
            found += piece
    inflater.end()
    return found


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(DATA)),
        ("x-gzip", gzip.compress(DATA)),
        ("GZIP, identity", gzip.compress(DATA)),
        ("gzip", gzip.compress(DATA[:5000]) + gzip.compress(DATA[5000:])),
        ("deflate", zlib.compress(DATA)),
        ("deflate", raw_deflate(DATA)),
    ],
)
@pytest.mark.parametrize("step", [1, 1000, 10_000_000])
def test_what_was_packed_comes_out(coding, packed, step):
    assert inflated(coding, packed, step) == DATA


def test_a_body_without_a_coding_is_left_alone():
    assert inflater_of(Headers({})) is None
    assert inflater_of(Headers({"content-encoding": "identity"})) is None


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "deflate, gzip", "compress"])
def test_another_coding_is_named(coding):
    with pytest.raises(UnsupportedCoding, match=coding):
        inflater_of(Headers({"content-encoding": coding}))


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(DATA)[:-1]),
        ("gzip", b"\x89PNG"),
        ("gzip", gzip.compress(DATA) + b"behind"),
        ("deflate", zlib.compress(DATA) + b"behind"),
        ("deflate", zlib.compress(DATA)[:-1]),
    ],
)
def test_what_is_not_packed_so_is_malformed(coding, data):
    with pytest.raises(MalformedBody):
        inflated(coding, data)


def test_a_packed_photo_and_a_packed_form_are_painted_like_others(client, photo):
    plain = client.post(PAINT, content=photo)
    packed = client.post(PAINT, content=gzip.compress(photo), headers={"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.content) == (200, plain.content)
    form = client.build_request(
        "POST", "/v1/stylize", data={"styles": "great_wave", "format": "png"}, files={"image": photo}
    )
    headers = {"Content-Type": form.headers["content-type"], "Content-Encoding": "deflate"}
    packed = client.post("/v1/stylize", content=zlib.compress(form.read()), headers=headers)
    assert (packed.status_code, packed.content) == (200, plain.content)


def test_a_bomb_is_too_large_and_nothing_of_it_stays(client):
    bomb = gzip.compress(bytes(200_000_000))
    assert len(bomb) < 300_000
    answer = client.post(PAINT, content=bomb, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert "pastiche_upload_bytes 0.0" in client.get("/metrics").text


def test_an_unknown_coding_is_answered_with_those_that_are_known(client, photo):
    answer = client.post(PAINT, content=photo, headers={"Content-Encoding": "br"})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-coding")
    assert "`Content-Encoding: br`" in answer.json()["detail"]
    assert answer.headers["accept-encoding"] == "gzip, deflate"
