"""Style images of one's own: a handle at once, which stands wherever the id of a style may."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from job_requests import problem
from picture_bytes import encoded, pixels, waves
from pydantic import SecretStr
from random_encoder import publish_random_encoder
from sqlalchemy import update

from app.engine.row import Row
from app.imaging.polygon import Polygon
from app.jobs.stylize import StylizeParams
from app.sql.database import Database
from app.sql.migration import migrate
from app.sql.schema import style_images

ROUTE = "/v1/styles"
KEYS = (SecretStr("anna-anna"), SecretStr("bert-bert"))
ANNA, BERT = ({"Authorization": f"Bearer {key.get_secret_value()}"} for key in KEYS)


def send(client, data, status=201, headers=None, **query):
    response = client.post(ROUTE, content=data, params=query, headers=headers)
    assert response.status_code == status, response.text
    return response.json()


def stylize(client, photo, styles, headers=None, **options):
    return client.post(
        "/v1/stylize", params={"styles": styles, "format": "png", **options}, content=photo, headers=headers
    )


def painted(client, photo, styles, headers=None, **options):
    response = stylize(client, photo, styles, headers, **options)
    assert response.status_code == 200, response.text
    return pixels(response.content)


def test_an_image_becomes_a_style_at_once(studio, photo, image):
    response = studio.post(ROUTE, content=image(0))
    assert response.status_code == 201
    made = response.json()
    assert re.fullmatch("style:[0-9a-f]{32}", made["id"])
    assert response.headers["location"] == f"{ROUTE}/{made['id']}"
    assert (made["kind"], made["model"]) == ("image", "compact@1")
    facts = made["image"]
    assert (facts["stage"], facts["width"], facts["height"]) == ("encoded", 64, 80)
    assert studio.get(response.headers["location"]).json() == made
    other = send(studio, image(1))["id"]
    assert (painted(studio, photo, made["id"]) != painted(studio, photo, other)).any()
    assert (painted(studio, photo, made["id"]) != painted(studio, photo, "starry_night")).any()


def test_the_same_image_has_the_same_handle_and_is_read_once(studio, image):
    read, known = (counted(studio, source) for source in ("read", "known"))
    first = send(studio, image(2))
    again = send(studio, image(2), status=200)
    assert again["id"] == first["id"]
    assert again["image"]["expires_at"] >= first["image"]["expires_at"]
    assert (counted(studio, "read"), counted(studio, "known")) == (read + 1, known + 1)


def counted(client, source):
    found = re.search(rf'pastiche_style_images_total{{source="{source}"}} (\d+)', client.get("/metrics").text)
    return int(found[1]) if found else 0


def test_a_form_gives_the_same_handle(studio, image):
    raw = send(studio, image(3))
    form = studio.post(ROUTE, files={"image": ("a.png", image(3))}, data={"model": "compact"})
    assert (form.status_code, form.json()["id"]) == (200, raw["id"])


def test_handles_blend_with_styles_and_with_each_other(studio, photo, image):
    one, two = (send(studio, image(number))["id"] for number in (4, 5))
    whole = painted(studio, photo, one)
    blend = painted(studio, photo, f"{one}:0.5,{two}:0.5")
    assert (blend != whole).any()
    assert (blend == painted(studio, photo, f"{two},{one}")).all()
    assert (blend == painted(studio, photo, f" {two} : 3 , {one} : 3")).all()
    with_styles = painted(studio, photo, f"{one}:1,starry_night:3")
    assert (with_styles != whole).any()
    assert (with_styles != painted(studio, photo, "starry_night")).any()
    assert (painted(studio, photo, f"{one}:1e-9,starry_night") == painted(studio, photo, "starry_night")).all()


def test_equal_requests_have_one_etag_and_another_image_has_another(studio, photo, image):
    one, two = (send(studio, image(number))["id"] for number in (6, 7))
    first = stylize(studio, photo, one)
    etag = first.headers["etag"]
    assert stylize(studio, photo, f"{one}:0.3").headers["etag"] == etag
    assert stylize(studio, photo, two).headers["etag"] != etag
    assert stylize(studio, photo, one, {"If-None-Match": etag}).status_code == 304


@pytest.fixture(scope="module")
def keyed(connect_once, encoded_models, tmp_path_factory):
    """A client of an application that wants one of KEYS."""
    return connect_once(models_dir=encoded_models, data_dir=tmp_path_factory.mktemp("keyed"), api_keys=KEYS)


def test_ones_own_are_listed_newest_first(keyed, image):
    ids = [send(keyed, image(number), headers=ANNA)["id"] for number in range(3)]
    assert [style["id"] for style in keyed.get(f"{ROUTE}?own=true", headers=ANNA).json()["styles"]] == ids[::-1]
    assert keyed.get(f"{ROUTE}?own=true", headers=BERT).json() == {"styles": [], "style_images": True}
    assert ids[0] not in keyed.get(ROUTE, headers=ANNA).text


def test_the_handle_of_another_is_as_unknown(keyed, image, photo):
    client = keyed
    handle = send(client, image(20), headers=ANNA)["id"]
    never = "style:" + "0" * 32
    for theirs in (handle, never):
        refused = problem(stylize(client, photo, theirs, BERT), 422, "unknown-style-image")
        assert refused["detail"].replace(theirs, "it") == (
            "There is no style image it of yours: it has expired, was deleted, or was sent with another key. Send the "
            "image again to `POST /v1/styles`."
        )
        for method, path in (("GET", ""), ("GET", "/thumbnail"), ("DELETE", "")):
            problem(client.request(method, f"{ROUTE}/{theirs}{path}", headers=BERT), 404, "not-found")
    assert stylize(client, photo, handle, ANNA).status_code == 200
    # Who has the image has a handle of their own.
    assert send(client, image(20), headers=BERT)["id"] == handle
    client.delete(f"{ROUTE}/{handle}", headers=BERT)
    assert stylize(client, photo, handle, ANNA).status_code == 200


def test_a_deleted_image_is_gone(studio, image, photo):
    handle = send(studio, image(8))["id"]
    assert studio.delete(f"{ROUTE}/{handle}").status_code == 204
    problem(studio.get(f"{ROUTE}/{handle}"), 404, "not-found")
    problem(studio.delete(f"{ROUTE}/{handle}"), 404, "not-found")
    problem(stylize(studio, photo, handle), 422, "unknown-style-image")
    assert send(studio, image(8))["id"] == handle


def test_an_expired_image_is_gone_until_it_is_sent_again(studio, image, photo):
    handle = send(studio, image(9))["id"]
    with studio.service.jobs.database.write() as connection:
        mine = style_images.c.hash == handle.removeprefix("style:")
        connection.execute(update(style_images).where(mine).values(expires_at=style_images.c.created_at))
    problem(stylize(studio, photo, handle), 422, "unknown-style-image")
    problem(studio.get(f"{ROUTE}/{handle}"), 404, "not-found")
    assert handle not in studio.get(f"{ROUTE}?own=true").text
    assert send(studio, image(9))["id"] == handle
    assert stylize(studio, photo, handle).status_code == 200


def test_the_thumbnail_is_the_image_made_smaller(studio):
    large = encoded(waves(1200, 600), "jpeg")
    made = send(studio, large)
    response = studio.get(made["image"]["thumbnail"])
    assert (response.headers["content-type"], response.headers["cache-control"]) == (
        "image/jpeg",
        "private, max-age=3600",
    )
    assert pixels(response.content).shape == (256, 512, 3)
    again = studio.get(made["image"]["thumbnail"], headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


def test_only_so_many_are_kept_of_one_principal_and_in_all(connect, encoded_models, tmp_path, image):
    client = connect(models_dir=encoded_models, data_dir=tmp_path, api_keys=KEYS, style_images_each=2, style_images=3)
    first, _ = (send(client, image(number), headers=ANNA) for number in range(2))
    refused = problem(client.post(ROUTE, content=image(2), headers=ANNA), 429, "too-many-style-images")
    assert refused["detail"].startswith("You have 2 style images, as many as allowed")
    send(client, image(0), status=200, headers=ANNA)
    client.delete(f"{ROUTE}/{first['id']}", headers=ANNA)
    send(client, image(2), headers=ANNA)
    send(client, image(0), headers=BERT)
    in_all = problem(client.post(ROUTE, content=image(1), headers=BERT), 429, "too-many-style-images")
    assert "in all" in in_all["detail"]


def test_only_so_many_are_read_in_a_minute(connect, encoded_models, tmp_path, image):
    client = connect(models_dir=encoded_models, data_dir=tmp_path, api_keys=KEYS, style_images_per_minute=2)
    for number in range(2):
        send(client, image(number), headers=ANNA)
    refused = client.post(ROUTE, content=image(0), headers=ANNA)
    assert "2 style images a minute" in problem(refused, 429, "too-many-requests")["detail"]
    assert int(refused.headers["retry-after"]) <= 60
    send(client, image(0), headers=BERT)


def test_a_model_without_an_encoder_says_so(studio, image, photo):
    handle = send(studio, image(10))["id"]
    for response in (
        studio.post(f"{ROUTE}?model=sketch", content=image(10)),
        stylize(studio, photo, handle, model="sketch"),
        studio.get(f"{ROUTE}/{handle}?model=sketch"),
        studio.get(f"{ROUTE}?own=true&model=sketch"),
    ):
        refused = problem(response, 422, "no-style-encoder")
        assert refused["models"] == ["compact@1"]
        assert "or the model compact@1" in refused["detail"]


@pytest.mark.parametrize(
    ("query", "body", "status", "slug"),
    [
        ("", b"", 400, "empty-body"),
        ("", b"no picture at all", 415, "unsupported-picture"),
        ("?model=nothing", b"x", 422, "invalid-option"),
        ("?title=mine", b"x", 422, "invalid-option"),
        ("?model=compact&model=compact", b"x", 422, "invalid-option"),
    ],
)
def test_what_is_refused(studio, query, body, status, slug):
    problem(studio.post(ROUTE + query, content=body), status, slug)


@pytest.mark.parametrize("handle", ["style:", "style:xyz", "style:" + "A" * 32, "style:%00", "style:..%2F"])
def test_what_is_no_handle_is_not_found(studio, handle):
    for method, path in (("GET", ""), ("GET", "/thumbnail"), ("DELETE", "")):
        problem(studio.request(method, f"{ROUTE}/{handle}{path}"), 404, "not-found")


def test_the_list_of_styles_says_whether_the_model_takes_images(studio):
    told = {query: studio.get(ROUTE + query).json()["style_images"] for query in ("", "?all=true", "?model=sketch")}
    assert told == {"": True, "?all=true": True, "?model=sketch": False}


def test_styles_of_models_cannot_be_deleted(studio):
    problem(studio.delete(f"{ROUTE}/starry_night"), 404, "not-found")


def test_a_handle_outlives_its_encoder_and_its_generator(connect, encoded_models, tmp_path, image, photo, make_version):
    """Another encoder reads what is kept of the image, in whichever process is asked first."""
    models = tmp_path / "models"
    shutil.copytree(encoded_models, models)
    settings = {"models_dir": models, "data_dir": tmp_path / "data", "models": ("compact",)}
    client = connect(**settings)
    handle = send(client, image(11))["id"]
    before = painted(client, photo, handle)

    publish_random_encoder(models, seed=1)
    newer = connect(**settings)
    read = counted(newer, "read")
    after = painted(newer, photo, handle)
    assert (after != before).any()
    assert (painted(newer, photo, handle) == after).all()
    assert counted(newer, "read") == read + 1

    make_version(models, "compact", 2, seed=5)
    publish_random_encoder(models, "compact@2", seed=2)
    newest = connect(**settings)
    response = stylize(newest, photo, handle)
    assert (response.status_code, response.headers["pastiche-model"]) == (200, "compact@2")
    entry = newest.get(f"{ROUTE}/{handle}").json()
    assert (entry["model"], entry["image"]["stage"]) == ("compact@2", "encoded")
    # What is read again from the kept image is nearly what was read from the image itself.
    fresh = newest.post(ROUTE, content=image(11))
    assert fresh.status_code == 200
    assert (painted(newest, photo, handle) == pixels(response.content)).all()


def test_processes_share_what_was_read(connect, encoded_models, tmp_path, image, photo):
    settings = {"models_dir": encoded_models, "data_dir": tmp_path}
    here, there = connect(**settings), connect(**settings)
    handle = send(here, image(12))["id"]
    assert (painted(there, photo, handle) == painted(here, photo, handle)).all()
    assert counted(there, "read") == 0


@pytest.mark.backend
def test_it_is_the_same_on_postgresql(connect, encoded_models, tmp_path, image, photo, postgresql_url):

    database = Database(postgresql_url)
    migrate(database)
    database.close()
    client = connect(models_dir=encoded_models, data_dir=tmp_path, database_url=postgresql_url)
    made = send(client, image(13))
    send(client, image(13), status=200)
    assert painted(client, photo, f"{made['id']}:2,starry_night").shape == (32, 48, 3)
    assert pixels(client.get(made["image"]["thumbnail"]).content).shape == (80, 77, 3)
    assert [style["id"] for style in client.get(f"{ROUTE}?own=true").json()["styles"]] == [made["id"]]
    assert client.delete(f"{ROUTE}/{made['id']}").status_code == 204


def test_a_region_may_have_the_style_of_an_image_and_so_may_a_job(studio, photo, image):
    handle = send(studio, image(40))["id"]
    right = {"polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], "feather": 0, "styles": f"{handle}:2,starry_night"}
    regions = json.dumps([right])
    result = painted(studio, photo, "starry_night", regions=regions)
    np.testing.assert_array_equal(result[:, 26:], painted(studio, photo, right["styles"])[:, 26:])
    np.testing.assert_array_equal(result[:, :23], painted(studio, photo, "starry_night")[:, :23])
    missing = json.dumps([right | {"styles": "style:" + 32 * "0"}])
    problem(stylize(studio, photo, "starry_night", regions=missing), 422, "unknown-style-image")

    once = {"Prefer": "respond-async", "Idempotency-Key": "a region with the style of an image"}
    first, again = (stylize(studio, photo, "starry_night", once, regions=regions) for _ in range(2))
    assert (first.status_code, again.status_code, again.json()["id"]) == (202, 202, first.json()["id"])
    job = studio.service.jobs.ledger.get(first.json()["id"])
    [region] = StylizeParams.model_validate(job.params).regions
    area, manner = region.region.area, region.region.manner
    assert area == Polygon(((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)), 0.0)
    row = next(style for style in manner.blend if isinstance(style, Row))
    assert manner.blend == {row: pytest.approx(2 / 3), "starry_night": pytest.approx(1 / 3)}
    assert row.name == handle
