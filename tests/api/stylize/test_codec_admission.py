"""Decoding and encoding are admitted like painting: beyond what is done in time, 503; and small ones never wait for
large ones."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from admin_token import TOKEN
from job_requests import ROUTE as JOBS
from job_requests import form
from picture_bytes import pixels
from PIL import Image
from pydantic import SecretStr

from app.api.codecs.queue import Line
from app.api.stylize import pipeline
from app.api.stylize.options import Options
from app.api.stylize.pipeline import costs
from app.engine.region import Region
from app.imaging import cost
from app.imaging.cost import Cost
from app.imaging.decode import Header, probe
from app.imaging.encode import encode
from app.imaging.polygon import Polygon

ROUTE = "/v1/stylize"
# The work of codecs alone, and the most of it that one request may ask for.
HEAVY = {"styles": "great_wave", "strength": "0", "size": "256", "format": "avif", "quality": "100"}
LIGHT = {"styles": "great_wave", "size": "16", "format": "jpeg"}
# Bytes for decoding; the small pictures of these tests need less, and 256 px more.
LITTLE = 0.5


@pytest.fixture(autouse=True)
def steady(monkeypatch):
    """What was predicted is not corrected by what is measured here."""
    monkeypatch.setattr(Line, "pace", 1.0)


@pytest.fixture
def slow_codecs(monkeypatch):
    """AVIFs of 256 x 171 pixels are predicted to take 9 s each."""
    monkeypatch.setattr(cost, "AVIF_SECONDS", 9.0 / 2 / (256 * 171))


def problem(response, status, slug):
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json()["type"] == f"/problems/{slug}"
    return response.json()


def settled(condition):
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


@pytest.fixture
def blocked(monkeypatch):
    """AVIFs are not written before this is set."""
    gate = threading.Event()

    def gated(picture, format, quality):
        assert format != "avif" or gate.wait(60)
        return encode(picture, format, quality)

    monkeypatch.setattr(pipeline, "encode", gated)
    yield gate
    gate.set()


def test_heavy_encoders_are_bounded_and_nobody_else_waits_for_them(connect, photo, slow_codecs, blocked):
    client = connect(codec_threads=1, result_cache_megabytes=1)
    kept = client.post(ROUTE, params=LIGHT, content=photo)
    service = client.service
    for strength in ("0", "1"):
        heavy = HEAVY | {"strength": strength}
        with ThreadPoolExecutor(1) as others:
            first = others.submit(client.post, ROUTE, params=heavy, content=photo)
            assert settled(lambda: service.codecs.seconds >= 9 and service.codecs.pending == 1)
            for quality in ("98", "99"):
                refused = client.post(ROUTE, params=heavy | {"quality": quality}, content=photo)
                problem(refused, 503, "overloaded")
                # 18 seconds of work and a bit less, of which 15 are taken; and as long again at the most.
                assert 3 <= int(refused.headers["retry-after"]) <= 6
            for quality in ("90", "80"):
                answer = client.post(ROUTE, params=LIGHT | {"quality": quality}, content=photo)
                assert answer.status_code == 200
            again = client.post(ROUTE, params=LIGHT, content=photo)
            assert (again.content, again.headers["cache-status"]) == (kept.content, "pastiche; hit")
            assert not first.done()
            blocked.set()
            assert first.result().status_code == 200
            blocked.clear()
        assert settled(lambda: service.codecs.seconds == 0)
        assert (service.codecs.pending, service.uploads.held_bytes) == (0, 0)
        assert service.engine.load.queued_megapixels == 0
        assert "pastiche_codec_seconds 0.0" in client.get("/metrics").text


@pytest.fixture
def slow_decoders(monkeypatch):
    """Decoding any picture is predicted to take 2.9 seconds."""
    monkeypatch.setattr(Header, "cost", lambda *_: Cost(0, 2.9))


def test_pictures_of_jobs_and_style_images_are_admitted_too(connect, photo, painting, tmp_path, slow_decoders):
    client = connect(codec_threads=1, data_dir=tmp_path, admin_token=SecretStr(TOKEN))
    operator = {"Authorization": f"Bearer {TOKEN}"}
    with client.service.codecs.admit([Cost(0, 14.9)], time.monotonic() + 30):
        for refused, seconds in (
            (client.post(JOBS, data={"size": "64"}, files=form(photo, painting)), 6),
            (client.post(ROUTE, params=LIGHT, content=photo, headers={"Prefer": "respond-async"}), 3),
            (client.post("/v1/admin/styles", data={"title": "Wave"}, files={"image": photo}, headers=operator), 3),
        ):
            problem(refused, 503, "overloaded")
            assert seconds <= int(refused.headers["retry-after"]) <= 2 * seconds
    assert client.get(JOBS, headers=operator).json()["jobs"] == []
    assert client.get("/v1/admin/styles", headers=operator).json()["styles"] == []


def test_a_picture_that_needs_more_memory_than_there_is_for_decoding_is_refused_by_its_header(
    connect, astronaut, tmp_path
):
    small, large = jpeg(astronaut[:32, :48]), jpeg(astronaut[:256, :256])
    needed = probe(large, 1).cost(256).bytes
    assert probe(large, 1).cost(64).bytes < LITTLE * 1e6 < needed
    client = connect(decode_megabytes=LITTLE, data_dir=tmp_path, admin_token=SecretStr(TOKEN))
    operator = {"Authorization": f"Bearer {TOKEN}"}
    for strength in ("0", "1"):
        said = problem(
            client.post(ROUTE, params={"styles": "great_wave", "strength": strength}, content=large),
            413,
            "picture-too-large",
        )
        assert said["detail"].startswith("Decoding the picture takes 1 MB of memory; at most 0 MB are given to one.")
    assert pixels(client.post(ROUTE, params=LIGHT, content=large).content).shape == (16, 16, 3)
    files = form(small, large)
    said = problem(client.post(JOBS, data={"size": "256"}, files=files), 413, "picture-too-large")
    assert said["picture"] == "style-0"
    assert client.post(JOBS, data={"size": "64"}, files=files).status_code == 202
    # What the job will look at, is what counts.
    said = problem(client.post(JOBS, data={"size": "128", "stroke": "2"}, files=files), 413, "picture-too-large")
    assert said["picture"] == "style-0"
    later = client.post(ROUTE, params={"styles": "great_wave"}, content=large, headers={"Prefer": "respond-async"})
    assert problem(later, 413, "picture-too-large")["picture"] == "photo"
    problem(
        client.post("/v1/admin/styles", data={"title": "Wave"}, files={"image": large}, headers=operator),
        413,
        "picture-too-large",
    )


def jpeg(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg")
    return file.getvalue()


def options(**changes):
    usual = {"model": "m@1", "blend": {"a": 1.0}, "strength": 1.0, "color": "style", "stroke": 1.0, "size": None}
    return Options(**(usual | {"format": "png", "quality": 90, "stylizer": None} | changes))


def test_everything_that_is_asked_for_is_in_the_cost():
    header = Header("jpeg", 1000, 500)
    size = (1000, 500)
    reading, finishing = costs(header, size, size, options())
    assert reading == Cost(0, 0.001)
    assert finishing == Cost(8 * 500_000, pytest.approx(0.001 + 0.5 * 0.06))
    best = costs(header, size, size, options(format="avif", quality=100))[1]
    assert best == Cost(32 * 500_000, pytest.approx(0.001 + 0.5 * 0.1))
    coloured = costs(header, size, size, options(color="keep", strength=0.5))[1]
    assert coloured.seconds - finishing.seconds == pytest.approx(0.5 * 0.029)
    matched = costs(header, size, size, options(color="match"))[1]
    assert matched.seconds - finishing.seconds == pytest.approx(0.02)
    mask = Header("png", 2000, 1000)
    masked = costs(header, size, size, options(), {"mask": mask})[1]
    assert masked.seconds - finishing.seconds == pytest.approx(0.5 * 0.05 + mask.cost(1000).seconds)
    regions = tuple(Region(area, options().rest) for area in (Polygon(((0, 0), (1, 0), (1, 1)), 0.0), "region_mask-0"))
    in_parts = costs(header, size, size, options(regions=regions), {"region_mask-0": mask})[1]
    drawn = 0.015 + 0.5 * 0.02
    assert in_parts.seconds - finishing.seconds == pytest.approx(2 * 0.5 * 0.05 + drawn + mask.cost(1000).seconds)
    # Enlarged in reading alone; painted at twice the size, made larger before and smaller after.
    assert costs(header, (2000, 1000), (2000, 1000), options())[0].seconds == pytest.approx(0.001 + 2 * 0.009)
    reading, larger = costs(header, size, (2000, 1000), options())
    assert reading.seconds == pytest.approx(0.001 + 2 * 0.009)
    assert larger.seconds - finishing.seconds == pytest.approx(2 * 0.009)
