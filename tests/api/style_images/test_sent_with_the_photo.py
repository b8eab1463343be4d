"""Style images in the form of `POST /v1/stylize`, in place of `styles` or beside it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from job_requests import problem
from picture_bytes import pixels

from app.imaging.picture import Picture
from app.jobs.video import VideoParams
from app.video.frame import Frame
from app.video.writing import write_clip


def stylize(client, photo, *images, **options):
    files = [("image", ("photo.png", photo)), *(("style", ("style.png", image)) for image in images)]
    return client.post("/v1/stylize", files=files, data={"format": "png", **options})


def painted(client, photo, *images, **options):
    response = stylize(client, photo, *images, **options)
    assert response.status_code == 200, response.text
    return pixels(response.content)


def counted(client, source):
    lines = client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith(f'pastiche_style_images_total{{source="{source}"}}')]


def test_an_image_is_the_style(studio, photo, image):
    one = painted(studio, photo, image(0))
    handle = studio.post("/v1/styles", content=image(0)).json()["id"]
    assert (one == painted(studio, photo, styles=handle)).all()
    assert (one != painted(studio, photo, image(1))).any()


def test_the_second_request_reads_nothing(studio, photo, image):
    first = stylize(studio, photo, image(2), size="32")
    read = counted(studio, "read")
    again = stylize(studio, photo, image(2), size="32")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.content == first.content
    assert counted(studio, "read") == read


def test_several_blend_with_weights_beside_styles(studio, photo, image):
    both = painted(studio, photo, image(3), image(4), weights="3,1")
    handles = [studio.post("/v1/styles", content=image(number)).json()["id"] for number in (3, 4)]
    assert (both == painted(studio, photo, styles=f"{handles[0]}:3,{handles[1]}")).all()
    beside = painted(studio, photo, image(3), styles=f"starry_night:2,{handles[1]}", weights="0.5")
    assert (beside == painted(studio, photo, styles=f"starry_night:2,{handles[1]},{handles[0]}:0.5")).all()


def test_an_image_that_comes_twice_counts_twice(studio, photo, image):
    handle = studio.post("/v1/styles", content=image(5)).json()["id"]
    twice = painted(studio, photo, image(5), image(5), styles=f"starry_night,{handle}")
    assert (twice == painted(studio, photo, image(5), styles="starry_night", weights="3")).all()


@pytest.mark.parametrize(
    ("weights", "detail"),
    [
        ("1", "`weights` has 1 weights for 2 `style` images."),
        ("1,0", "The weight of `style` image 2 must be a number above 0, such as 0.7."),
        ("a,b", "The weight of `style` image 1 must be a number above 0, such as 0.7."),
    ],
)
def test_weights_that_do_not_fit(studio, photo, image, weights, detail):
    refused = problem(stylize(studio, photo, image(0), image(1), weights=weights), 422, "invalid-option")
    assert refused["detail"] == detail


def test_what_is_refused(studio, photo, image):
    problem(stylize(studio, photo), 422, "invalid-option")
    problem(stylize(studio, photo, styles="starry_night", weights="1"), 422, "invalid-option")
    problem(stylize(studio, photo, image(0), model="sketch"), 422, "no-style-encoder")
    problem(stylize(studio, photo, *[image(0)] * 9), 400, "malformed-body")
    broken = problem(stylize(studio, photo, image(0), b"no picture"), 415, "unsupported-picture")
    assert broken["picture"] == "style-1"


def test_it_becomes_a_job_with_the_row_of_now(studio, photo, image):
    made = studio.post(
        "/v1/stylize",
        files=[("image", ("photo.png", photo)), ("style", ("style.png", image(6)))],
        data={"styles": "starry_night"},
        headers={"Prefer": "respond-async"},
    )
    assert made.status_code == 202
    params = studio.service.jobs.ledger.get(made.json()["id"]).params
    handle = studio.post("/v1/styles", content=image(6)).json()["id"]
    assert params["blend"] == {"starry_night": 0.5, handle: 0.5}
    assert params["rows"].keys() == {handle}


def test_a_clip_takes_style_images_too(studio, image, astronaut, tmp_path):
    frame = Frame(Picture(np.ascontiguousarray(astronaut[:32, :32])), Fraction(0), Fraction(1, 25))
    write_clip(tmp_path / "clip.mp4", "mp4", [frame], 90)
    files = [("video", ("clip.mp4", (tmp_path / "clip.mp4").read_bytes())), ("style", ("style.png", image(6)))]
    handle = studio.post("/v1/styles", content=image(7)).json()["id"]
    made = studio.post("/v1/videos", files=files, data={"styles": "starry_night", "styles_end": handle}).json()
    job = studio.service.jobs.ledger.get(made["id"])
    params = VideoParams.model_validate(job.params)
    assert len(params.blend) == 2
    assert params.rows.keys() == params.blend.keys() - {"starry_night"}
    assert params.blend_end == {handle: 1.0}
    assert params.rows_end.keys() == {handle}
