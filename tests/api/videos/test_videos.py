"""`POST /v1/videos`: a clip is looked at within bounds, and becomes a job with the options that were asked for."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hand_worker import HandWorker
from job_requests import problem

from app.imaging.picture import Picture
from app.jobs.context import JobContext
from app.jobs.stylize import Stylizers
from app.jobs.video import CLIP, Video, VideoParams
from app.video.frame import Frame
from app.video.writing import write_clip

ROUTE = "/v1/videos"
TIMES = [Fraction(n, 25) for n in range(5)]


@pytest.fixture(scope="module")
def make_clip(astronaut, tmp_path_factory):
    """A clip of five frames of 64 x 48 pixels in that format."""

    def make(format: str) -> bytes:
        frames = [
            Frame(Picture(np.ascontiguousarray(astronaut[100:148, 4 * n : 4 * n + 64])), time, Fraction(1, 25))
            for n, time in enumerate(TIMES)
        ]
        path = tmp_path_factory.mktemp("clips") / f"clip.{format}"
        write_clip(path, format, frames, 90)
        return path.read_bytes()

    return make


@pytest.fixture(scope="module")
def clip(make_clip) -> bytes:
    return make_clip("mp4")


def form(clip, *images):
    return [("video", ("clip.mp4", clip)), *(("style", ("style.png", image)) for image in images)]


@pytest.fixture
def job_of(worker):
    def find(response):
        assert response.status_code == 202, response.text
        job = worker.ledger.get(response.json()["id"])
        return job, VideoParams.model_validate(job.params)

    return find


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "form"])
def test_a_clip_becomes_a_job_with_its_options(client, clip, worker, job_of, raw):
    options = {
        "styles": "great_wave:3,the_scream",
        "styles_end": "starry_night",
        "strength": "0.5",
        "boldness": "0.25",
        "color": "keep",
        "stroke": "2",
        "size": "32",
        "steady": "false",
        "format": "webm",
        "quality": "70",
    }
    if raw:
        response = client.post(ROUTE, params=options, content=clip, headers={"Content-Type": "video/mp4"})
    else:
        response = client.post(ROUTE, data=options, files=form(clip))
    job, params = job_of(response)
    assert params == VideoParams(
        model="compact@1",
        blend={"great_wave": 0.75, "the_scream": 0.25},
        blend_end={"starry_night": 1.0},
        strength=0.5,
        boldness=0.25,
        color="keep",
        stroke=2.0,
        size=32,
        steady=False,
        format="webm",
        quality=70,
    )
    shown = response.json()
    assert (shown["kind"], shown["status"], response.headers["location"]) == ("video", "queued", f"/v1/jobs/{job.id}")
    assert worker.storage.get(job.input_key(CLIP)) == clip


@pytest.mark.parametrize("format", ["webm", "gif", "webp"])
def test_other_kinds_of_clips_are_taken(client, make_clip, job_of, format):
    _, params = job_of(client.post(ROUTE, params={"styles": "great_wave"}, content=make_clip(format)))
    assert (params.format, params.steady, params.blend_end) == ("mp4", True, None)


def test_the_job_tells_its_frames_and_its_result_comes_in_parts(client, settings, clip, worker):
    made = client.post(ROUTE, params={"styles": "great_wave"}, content=clip).json()
    job = worker.claim(made["id"])
    context = JobContext(job, worker.leases, worker.storage, stopping=threading.Event(), checkpoint_seconds=60)
    result = Video(settings, Stylizers(settings))(context)
    worker.leases.heartbeat(job, context.progress)
    running = client.get(made["links"]["self"]).json()
    assert running["facts"] == {"frame": 5, "frames": 5}
    assert running["links"]["loss"] is None
    assert client.get(running["links"]["preview"]).headers["content-type"] == "image/jpeg"
    worker.finish(job, result.data, result.media_type)
    told = [line for line in client.get(made["links"]["events"]).text.split("\n") if '"frame": 5, "frames": 5' in line]
    assert len(told) == 1
    path = f"{made['links']['self']}/result"
    whole = client.get(path)
    assert (whole.headers["content-type"], whole.headers["accept-ranges"]) == ("video/mp4", "bytes")
    assert whole.content == result.data
    part = client.get(path, headers={"Range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, result.data[4:12])
    assert part.headers["content-range"] == f"bytes 4-11/{len(result.data)}"


@pytest.mark.parametrize("format", ["gif", "webp"])
def test_an_animation_as_a_result_has_a_bound_of_its_own(connect_once, clip, tmp_path, format):
    client = connect_once(data_dir=tmp_path, wait=False, video_animation_megapixels=0.01)
    asked = {"styles": "great_wave", "format": format}
    refused = problem(client.post(ROUTE, params=asked, content=clip), 422, "invalid-option")
    assert "ask for `format=mp4` or a smaller `size`" in refused["detail"]
    for options in ({"size": "32"}, {"format": "mp4"}):
        assert client.post(ROUTE, params=asked | options, content=clip).status_code == 202


@pytest.mark.parametrize(
    ("data", "status", "slug"),
    [
        (b"", 400, "empty-body"),
        (b"no clip", 415, "unsupported-video"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), 415, "unsupported-video"),
        (b"\0\0\0\x18ftypisom" + bytes(200), 422, "broken-video"),
        (b"\x1a\x45\xdf\xa3" + bytes(200), 422, "broken-video"),
    ],
)
def test_what_is_no_clip_becomes_no_job(client, worker, data, status, slug):
    problem(client.post(ROUTE, params={"styles": "great_wave"}, content=data), status, slug)
    assert worker.ledger.page() == []


@pytest.mark.parametrize(
    ("bound", "slug"),
    [
        ({"video_megabytes": 0.001}, "body-too-large"),
        ({"video_seconds": 0.1}, "video-too-large"),
        ({"video_frames": 4}, "video-too-large"),
        ({"video_frame_megapixels": 0.003}, "video-too-large"),
        ({"video_megapixels": 0.015}, "video-too-large"),
    ],
)
def test_a_clip_beyond_a_bound_becomes_no_job(connect, clip, tmp_path, bound, slug):
    client = connect(data_dir=tmp_path, wait=False, **bound)
    problem(client.post(ROUTE, params={"styles": "great_wave"}, content=clip), 413, slug)
    assert HandWorker(client.service.settings).ledger.page() == []


@pytest.mark.parametrize(
    "options", [{"size": "256"}, {"size": "100", "stroke": "0.5"}, {"size": "150", "boldness": "1"}]
)
def test_a_clip_that_would_be_too_much_work_becomes_no_job(connect_once, clip, tmp_path, options):
    client = connect_once(data_dir=tmp_path, wait=False, video_megapixels=0.1)
    response = client.post(ROUTE, params={"styles": "great_wave"} | options, content=clip)
    assert "megapixels together" in problem(response, 422, "invalid-option")["detail"]
    assert client.post(ROUTE, params={"styles": "great_wave"}, content=clip).status_code == 202


@pytest.mark.parametrize(
    ("options", "slug"),
    [
        ({}, "invalid-option"),
        ({"styles": "grate_wave"}, "unknown-style"),
        ({"styles": "great_wave", "styles_end": "grate_wave"}, "unknown-style"),
        ({"styles": "great_wave", "styles_end": "style:" + 32 * "0"}, "no-style-encoder"),
        ({"styles": "great_wave", "format": "avi"}, "invalid-option"),
        ({"styles": "great_wave", "steady": "perhaps"}, "invalid-option"),
        ({"styles": "great_wave", "size": "257"}, "invalid-option"),
        ({"styles": "great_wave", "weights": "1"}, "invalid-option"),
        ({"styles": "great_wave", "speed": "2"}, "invalid-option"),
    ],
)
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "form"])
def test_options_that_are_refused(client, clip, worker, options, slug, raw):
    if raw:
        response = client.post(ROUTE, params=options, content=clip)
    else:
        response = client.post(ROUTE, data=options, files=form(clip))
    problem(response, 422, slug)
    assert worker.ledger.page() == []


def test_the_same_key_and_clip_give_the_same_job(client, clip, make_clip, worker):
    key = {"Idempotency-Key": "once"}
    first = client.post(ROUTE, params={"styles": "great_wave"}, content=clip, headers=key)
    again = client.post(ROUTE, data={"styles": "great_wave", "steady": "True"}, files=form(clip), headers=key)
    assert (again.status_code, again.headers.get("idempotent-replayed")) == (202, "true")
    assert again.json()["id"] == first.json()["id"]
    other = client.post(ROUTE, params={"styles": "great_wave"}, content=make_clip("webm"), headers=key)
    problem(other, 409, "idempotency-conflict")


def test_a_cancelled_clip_leaves_nothing(client, clip, worker, settings):
    made = client.post(ROUTE, params={"styles": "great_wave"}, content=clip).json()
    assert worker.storage.list(f"jobs/{made['id']}/") != []
    cancelled = client.delete(made["links"]["self"])
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert worker.storage.list(f"jobs/{made['id']}/") == []
    assert not Path(settings.data_dir, "blobs", "jobs", made["id"]).exists()
