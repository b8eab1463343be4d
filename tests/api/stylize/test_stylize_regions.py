"""Regions of a photo with styles of their own."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from picture_bytes import encoded, pixels

from app.imaging.colour import lay_over
from app.imaging.polygon import Polygon
from app.jobs.context import JobContext
from app.jobs.stylize import Stylize, Stylizers

ROUTE = "/v1/stylize"
PNG = {"styles": "great_wave", "format": "png"}
# Of the photo's 32 x 48 pixels, without a soft edge: its right third.
RIGHT = [[0.6667, 0], [1, 0], [1, 1], [0.6667, 1]]
TURNED = encoded(np.zeros((48, 32, 3), np.uint8))
SCREAM = {"polygon": RIGHT, "feather": 0, "styles": "the_scream"}


@pytest.fixture
def left():
    """A mask of the left third."""
    mask = np.zeros((32, 48, 3), np.uint8)
    mask[:, :16] = 255
    return encoded(mask)


def stylize(client, photo, regions, masks=None, headers=None, **options):
    files = [("image", ("photo.png", photo))]
    files += [("region_mask", (name, mask)) for name, mask in (masks or {}).items()]
    text = regions if isinstance(regions, str) else json.dumps(regions)
    return client.post(ROUTE, data=PNG | {"regions": text} | options, files=files, headers=headers)


def whole(client, photo, **options):
    return pixels(client.post(ROUTE, params=PNG | options, content=photo).content)


def test_each_region_is_as_in_the_whole_picture_painted_so(client, photo, left):
    regions = [{"mask": "left.png", "strength": 0.5, "color": "keep"}, SCREAM]
    result = pixels(stylize(client, photo, regions, {"left.png": left}).content)
    for columns, options in (
        (slice(0, 16), {"strength": "0.5", "color": "keep"}),
        (slice(16, 31), {}),
        (slice(33, 48), {"styles": "the_scream"}),
    ):
        np.testing.assert_array_equal(result[:, columns], whole(client, photo, **options)[:, columns])


def test_a_soft_edge_is_a_mixture_in_linear_light(client, photo):
    soft = SCREAM | {"feather": 0.3}
    shares = Polygon(tuple(map(tuple, RIGHT)), 0.3).shares(48, 32)
    rest, scream = whole(client, photo), whole(client, photo, styles="the_scream")
    np.testing.assert_array_equal(pixels(stylize(client, photo, [soft]).content), lay_over(rest, scream, 1.0, shares))


def test_the_later_of_two_regions_is_above(client, photo, left):
    everywhere = {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]], "styles": "the_scream"}
    regions = [{"mask": "left.png", "strength": 0}, everywhere]
    result = pixels(stylize(client, photo, regions, {"left.png": left}).content)
    np.testing.assert_array_equal(result, whole(client, photo, styles="the_scream"))
    result = pixels(stylize(client, photo, regions[::-1], {"left.png": left}).content)
    np.testing.assert_array_equal(result[:, :16], pixels(photo)[:, :16])
    np.testing.assert_array_equal(result[:, 16:], whole(client, photo, styles="the_scream")[:, 16:])


def test_a_mask_is_of_the_rest_alone(client, photo, left):
    files = [("image", photo), ("mask", left)]
    result = client.post(ROUTE, data=PNG | {"regions": json.dumps([SCREAM])}, files=files)
    result = pixels(result.content)
    np.testing.assert_array_equal(result[:, :16], whole(client, photo)[:, :16])
    np.testing.assert_array_equal(result[:, 16:31], pixels(photo)[:, 16:31])
    np.testing.assert_array_equal(result[:, 33:], whole(client, photo, styles="the_scream")[:, 33:])


def test_what_has_no_strength_is_the_photo_and_costs_no_pass(client, photo, monkeypatch):
    passes = []
    admit = client.service.engine.admit_passes

    def watched(count, *arguments, **options):
        passes.append(count)
        return admit(count, *arguments, **options)

    monkeypatch.setattr(client.service.engine, "admit_passes", watched)
    same = {"polygon": RIGHT, "color": "keep"}
    for regions, strength, expected in (
        ([SCREAM, same], "1", 2),
        ([SCREAM | {"strength": 1}], "0", 1),
        ([SCREAM, SCREAM | {"strength": 0.5}], "0.5", 2),
    ):
        result = stylize(client, photo, regions, strength=strength)
        assert (result.status_code, passes.pop()) == (200, expected)
    nothing = stylize(client, photo, [SCREAM | {"strength": 0}], strength="0")
    np.testing.assert_array_equal(pixels(nothing.content), pixels(photo))
    assert passes == []


def test_all_passes_count_in_the_engines_budget(client, photo, monkeypatch):
    held = []
    engine = client.service.engine
    submit = engine.submit_passes

    def watched(*arguments):
        held.append(engine.load.queued_megapixels)
        return submit(*arguments)

    monkeypatch.setattr(engine, "submit_passes", watched)
    assert stylize(client, photo, [SCREAM]).status_code == 200
    assert client.post(ROUTE, params=PNG, content=photo).status_code == 200
    assert held[0] == pytest.approx(2 * held[1])
    assert engine.load.queued_megapixels == 0


def test_polygons_go_with_a_raw_photo_and_masks_do_not(client, photo):
    params = PNG | {"regions": json.dumps([SCREAM])}
    raw = client.post(ROUTE, params=params, content=photo)
    assert raw.content == stylize(client, photo, [SCREAM]).content
    refused = client.post(ROUTE, params=PNG | {"regions": '[{"mask": "left.png"}]'}, content=photo)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-option")
    assert "no `region_mask` has that file name" in refused.json()["detail"]


def test_the_tag_is_of_the_regions_as_well(client, photo, left):
    def tag(regions, masks=None):
        return stylize(client, photo, regions, masks).headers["etag"]

    masked = [{"mask": "a.png", "strength": 0.5}]
    tags = [
        tag([]),
        tag([SCREAM]),
        tag([SCREAM | {"strength": 0.5}]),
        tag([SCREAM | {"color": "keep"}]),
        tag([SCREAM | {"feather": 0.1}]),
        tag([SCREAM | {"styles": "great_wave"}]),
        tag([SCREAM | {"polygon": RIGHT[:3]}]),
        tag([SCREAM, SCREAM]),
        tag(masked, {"a.png": left}),
        tag(masked, {"a.png": photo}),
    ]
    assert len(set(tags)) == len(tags)
    assert tag([]) == client.post(ROUTE, params=PNG, content=photo).headers["etag"]
    assert tag([{"mask": "b.png", "strength": 0.5}], {"b.png": left}) == tag(masked, {"a.png": left})
    again = stylize(client, photo, [SCREAM], headers={"If-None-Match": tags[1]})
    assert again.status_code == 304


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("regions", "masks", "status", "slug", "said"),
    [
        ("[", {}, 422, "invalid-option", "not valid JSON"),
        ([{}], {}, 422, "invalid-option", "`regions[0]` has a `polygon` or a `mask`"),
        ([SCREAM] * 9, {}, 422, "invalid-option", "at most 8 items"),
        ([SCREAM | {"styles": "the_scram"}], {}, 422, "unknown-style", "the_scream"),
        ([{"mask": "a"}], {}, 422, "invalid-option", "names the mask 'a'"),
        ([SCREAM], {"a": b"mask"}, 422, "invalid-option", "No region names the `region_mask` with the file name 'a'"),
        ([{"mask": "a"}], {"a": b""}, 400, "empty-body", "region_mask-0 is empty"),
        ([{"mask": "a"}], {"a": b"GIF89a"}, 415, "unsupported-picture", "GIF"),
        ([{"mask": "a"}], {"a": TURNED}, 422, "invalid-option", "region_mask-0 is 32 x 48"),
        ([{"mask": "a"}], {"a": encoded(np.zeros((32, 48, 3), np.uint8))[:60]}, 422, "broken-picture", ""),
        ("[" + " " * 65_536 + "]", {}, 400, "malformed-body", "65536 bytes"),
    ],
)
def test_what_is_refused_leaves_nothing(client, photo, regions, masks, status, slug, said, later):
    response = stylize(client, photo, regions, masks, {"Prefer": "respond-async"} if later else None)
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{slug}")
    assert said in response.json()["detail"]
    if "picture" in slug:
        assert response.json()["picture"] == "region_mask-0"
    if slug == "unknown-style":
        assert (response.json()["region"], response.json()["nearest"]) == (0, ["the_scream"])
    assert client.service.uploads.held_bytes == 0
    assert client.service.engine.load.queued_megapixels == 0


def test_two_masks_of_one_file_name_are_refused(client, photo, left):
    files = [("image", photo), ("region_mask", ("a.png", left)), ("region_mask", ("a.png", left))]
    response = client.post(ROUTE, data=PNG | {"regions": '[{"mask": "a.png"}]'}, files=files)
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-option")
    assert "Two `region_mask` have the file name 'a.png'" in response.json()["detail"]


def test_a_job_has_the_same_result(client, settings, photo, left, worker):
    regions = [SCREAM | {"color": "match"}, {"mask": "left.png", "styles": "starry_night:2,the_scream"}]
    masks = {"left.png": left}
    made = stylize(client, photo, regions, masks, {"Prefer": "respond-async"}).json()
    job = worker.claim(made["id"])
    context = JobContext(job, worker.leases, worker.storage, stopping=threading.Event(), checkpoint_seconds=60)
    result = Stylize(settings, Stylizers(settings))(context)
    np.testing.assert_array_equal(pixels(result.data), pixels(stylize(client, photo, regions, masks).content))


def test_a_repeated_job_is_one_and_with_other_regions_a_conflict(client, photo, left, worker):
    once = {"Prefer": "respond-async", "Idempotency-Key": "regions"}
    regions, masks = [SCREAM, {"mask": "left.png", "strength": 0}], {"left.png": left}
    first, again = (stylize(client, photo, regions, masks, once) for _ in range(2))
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.json()["id"] == first.json()["id"]
    for other in ([SCREAM, {"mask": "left.png"}], [{"mask": "left.png", "strength": 0}, SCREAM]):
        assert stylize(client, photo, other, masks, once).status_code == 409
    assert stylize(client, photo, regions, {"left.png": photo}, once).status_code == 409
    assert len(worker.ledger.page()) == 1
