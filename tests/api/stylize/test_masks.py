"""The `mask` part of a form: where the photo is stylized."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from picture_bytes import encoded, pixels

from app.imaging.colour import lay_over
from app.jobs.context import JobContext
from app.jobs.stylize import Stylize, Stylizers

ROUTE = "/v1/stylize"
PNG = {"styles": "great_wave", "format": "png"}


@pytest.fixture
def shares():
    """Of the photo's 32 x 48 pixels: none to the left, all to the right, and some between."""
    return np.tile(np.clip(np.arange(48) * 10 - 100, 0, 255).astype(np.uint8), (32, 1))


@pytest.fixture
def mask(shares):
    return encoded(np.repeat(shares[..., None], 3, axis=2))


def stylize(client, photo, mask, headers=None, **options):
    files = {"image": ("photo.png", photo), "mask": ("mask.png", mask)}
    return client.post(ROUTE, data=PNG | options, files=files, headers=headers)


def test_each_pixel_has_its_share(client, photo, mask, shares):
    painted = pixels(client.post(ROUTE, params=PNG, content=photo).content)
    for strength in (1.0, 0.5):
        result = pixels(stylize(client, photo, mask, strength=str(strength)).content)
        np.testing.assert_array_equal(result, lay_over(pixels(photo), painted, strength, shares))


def test_the_mask_may_have_another_size_and_the_result_too(client, photo, mask):
    large = encoded(np.full((64, 96, 3), 255, np.uint8))
    painted = client.post(ROUTE, params=PNG | {"size": "24"}, content=photo)
    np.testing.assert_array_equal(pixels(stylize(client, photo, large, size="24").content), pixels(painted.content))
    nothing = stylize(client, photo, encoded(np.zeros((2, 3, 3), np.uint8)))
    np.testing.assert_array_equal(pixels(nothing.content), pixels(photo))
    assert pixels(stylize(client, photo, mask, stroke="2").content).shape == (32, 48, 3)


def test_the_tag_is_of_the_mask_as_well(client, photo, mask):
    tags = [stylize(client, photo, given).headers["etag"] for given in (mask, mask, photo)]
    assert tags[0] == tags[1] != tags[2]
    assert client.post(ROUTE, params=PNG, content=photo).headers["etag"] not in tags
    assert stylize(client, photo, mask, {"If-None-Match": tags[0]}).status_code == 304


@pytest.mark.parametrize(
    ("given", "status", "slug", "said"),
    [
        (b"", 400, "empty-body", "mask is empty"),
        (b"GIF89a", 415, "unsupported-picture", "GIF"),
        (encoded(np.zeros((48, 32, 3), np.uint8)), 422, "invalid-option", "32 x 48 pixels"),
        (encoded(np.zeros((32, 48, 3), np.uint8))[:60], 422, "broken-picture", ""),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_what_is_refused_leaves_nothing(client, photo, given, status, slug, said, later):
    response = stylize(client, photo, given, {"Prefer": "respond-async"} if later else None)
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")
    assert said in response.json()["detail"]
    if "picture" in slug:
        assert response.json()["picture"] == "mask"
    assert client.service.uploads.held_bytes == 0


def test_two_masks_are_refused(client, photo, mask):
    files = [("image", photo), ("mask", mask), ("mask", mask)]
    response = client.post(ROUTE, data=PNG, files=files)
    assert (response.status_code, response.json()["type"]) == (400, "/problems/malformed-body")


def test_a_job_has_the_same_result(client, settings, photo, mask, worker):
    made = stylize(client, photo, mask, {"Prefer": "respond-async"}).json()
    job = worker.claim(made["id"])
    context = JobContext(job, worker.leases, worker.storage, stopping=threading.Event(), checkpoint_seconds=60)
    result = Stylize(settings, Stylizers(settings))(context)
    np.testing.assert_array_equal(pixels(result.data), pixels(stylize(client, photo, mask).content))
