import re
import threading

import numpy as np
import pytest
import torch
from picture_bytes import encoded, pixels

from app.api.stylize import route as stylize_route
from app.engine.device import choose_device
from app.engine.repainting import Repainting
from app.engine.scheduler import Scheduler
from app.engine.stylizer import Stylizer
from app.errors import EngineFailed
from app.imaging.colour import keep_colour, lay_over
from app.imaging.decode import decode
from app.imaging.palette import match_colour
from app.imaging.picture import Picture
from app.imaging.resize import resize
from app.registry.repository import Repository

ROUTE = "/v1/stylize"
PNG = {"styles": "great_wave", "format": "png"}


def paint(client, photo, params=PNG, **headers):
    response = client.post(ROUTE, params=params, content=photo, headers=headers)
    assert response.status_code == 200, response.text
    return response


def problem(response, status, slug):
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json()["type"] == f"/problems/{slug}"
    return response.json()


def test_a_painting_and_its_headers(client, photo):
    response = paint(client, photo, {"styles": "great_wave"}, **{"Content-Type": "image/png"})
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["content-length"] == str(len(response.content))
    assert re.fullmatch(r'(W/)?"[0-9a-f]{32}"', response.headers["etag"])
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["cache-status"] == "pastiche; fwd=miss"
    assert response.headers["pastiche-model"] == "compact@1"
    assert response.headers["vary"] == "Accept"
    stages = re.findall(r"(\w+);dur=\d+\.\d", response.headers["server-timing"])
    assert stages == ["upload", "queue", "decode", "engine", "colour", "encode", "total"]
    assert pixels(response.content).shape == (32, 48, 3)


def test_the_painting_is_what_the_network_paints(client, photo, models_dir):
    model = Repository(models_dir).load("sketch")
    device = choose_device("cpu", "auto", torch.get_num_threads())
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    [expected] = stylizer.paint([pixels(photo)], [{"charcoal": 0.75, "great_wave": 0.25}])
    response = paint(client, photo, {"styles": "charcoal:3,great_wave:1", "model": "sketch", "format": "png"})
    assert response.headers["pastiche-model"] == "sketch@1"
    np.testing.assert_array_equal(pixels(response.content), expected)


def test_a_large_photo_is_painted_small_enlarged_and_painted_over(connect, models_dir):
    client = connect(edge_pixels=2048)
    photo = np.random.default_rng(0).integers(0, 256, (27, 36, 3), dtype=np.uint8)
    large = resize(Picture(photo), 1280, 960).rgb
    model = Repository(models_dir).load("compact")
    device = choose_device("cpu", "auto", torch.get_num_threads())
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    seen = resize(Picture(large), 512, 384).rgb
    [painted] = stylizer.paint([seen], [{"great_wave": 1.0}], Repainting(size=(1024, 768)))
    expected = resize(Picture(painted), 1280, 960).rgb
    np.testing.assert_array_equal(pixels(paint(client, encoded(large, "png")).content), expected)


def test_the_same_request_has_the_same_etag_and_another_style_another(client, photo):
    tags = [
        paint(client, photo, {"styles": style}).headers["etag"] for style in ("great_wave", "great_wave", "the_scream")
    ]
    assert tags[0] == tags[1] != tags[2]


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "application/octet-stream", "text/plain", None])
def test_the_content_type_is_a_hint_only(client, photo, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    assert paint(client, photo, **headers).headers["etag"] == paint(client, photo).headers["etag"]


def test_curls_default_content_type_is_no_form(client, photo):
    assert paint(client, photo, **{"Content-Type": "application/x-www-form-urlencoded"})


def test_a_form_gives_what_the_raw_body_gives(client, photo):
    options = {
        "styles": "starry_night:2,the_scream",
        "strength": "0.5",
        "color": "keep",
        "size": "24",
        "format": "webp",
    }
    raw = paint(client, photo, options)
    form = client.post(ROUTE, data=options, files={"image": ("photo.png", photo, "image/png")})
    split = client.post(
        ROUTE, params={"styles": options.pop("styles")}, data=options, files={"image": ("photo.png", photo)}
    )
    assert raw.content == form.content == split.content


def test_an_option_in_the_query_may_be_in_the_form_too_with_its_default_or_the_same_value(client, photo):
    options = {"styles": "starry_night", "strength": "0.5", "format": "png"}
    expected = paint(client, photo, options).headers["etag"]
    for query, form in (
        (options, {"styles": "starry_night", "strength": "1.0", "quality": "90"}),
        ({"strength": "1", "color": "style", "stroke": "auto"}, options),
        (options, options),
    ):
        response = client.post(ROUTE, params=query, data=form, files={"image": photo})
        assert response.headers["etag"] == expected


def test_another_value_in_the_query_than_in_the_form_is_an_error(client, photo):
    response = client.post(ROUTE, params={"size": "64"}, data=PNG | {"size": "32"}, files={"image": photo})
    detail = problem(response, 422, "invalid-option")["detail"]
    assert detail == "`size` is '64' in the query and '32' in the form: send one."


@pytest.mark.parametrize(
    ("data", "files", "status", "slug"),
    [
        (PNG, {"picture": b"x"}, 400, "malformed-body"),
        (PNG | {"note": "hello"}, {"image": b"x"}, 422, "invalid-option"),
        (PNG, [("image", b"x"), ("image", b"y")], 400, "malformed-body"),
        (PNG | {"styles": "x" * 5000}, {"image": b"x"}, 400, "malformed-body"),
        (PNG, {"image": b""}, 400, "empty-body"),
        ({}, {"image": b"x"}, 422, "invalid-option"),
        (PNG, {"image": b"x"}, 415, "unsupported-picture"),
    ],
)
def test_forms_that_are_refused(client, data, files, status, slug):
    problem(client.post(ROUTE, data=data, files=files), status, slug)


def test_a_form_cut_off_at_the_boundary(client):
    body = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nbytes'
    response = client.post(ROUTE, content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert "closing boundary" in problem(response, 400, "malformed-body")["detail"]


def test_strength_0_is_the_photo_and_needs_no_engine(client, photo, monkeypatch):
    monkeypatch.setattr(Stylizer, "paint", lambda *_: pytest.fail("painted"))
    response = paint(client, photo, PNG | {"strength": "0"})
    np.testing.assert_array_equal(pixels(response.content), pixels(photo))
    assert "engine" not in response.headers["server-timing"]


def test_boldness_paints_over_the_painting(client, photo, models_dir):
    model = Repository(models_dir).load("compact")
    device = choose_device("cpu", "auto", torch.get_num_threads())
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    [expected] = stylizer.paint([pixels(photo)], [{"great_wave": 1.0}], Repainting(0.5))
    painted = paint(client, photo, PNG | {"boldness": "0.5"})
    assert np.array_equal(pixels(painted.content), expected)
    assert painted.headers["etag"] != paint(client, photo).headers["etag"]


def test_strength_lays_the_painting_over_the_photo(client, photo):
    painted = pixels(paint(client, photo).content)
    between = pixels(paint(client, photo, PNG | {"strength": "0.3"}).content)
    np.testing.assert_array_equal(between, lay_over(pixels(photo), painted, 0.3))


@pytest.mark.parametrize(("color", "recoloured"), [("keep", keep_colour), ("match", match_colour)])
def test_colours_are_taken_from_the_photo(client, photo, color, recoloured):
    expected = recoloured(pixels(photo), pixels(paint(client, photo).content))
    np.testing.assert_array_equal(pixels(paint(client, photo, PNG | {"color": color}).content), expected)
    both = paint(client, photo, PNG | {"color": color, "strength": "0.6"})
    np.testing.assert_array_equal(pixels(both.content), lay_over(pixels(photo), expected, 0.6))


@pytest.mark.parametrize(
    ("sent", "size", "answered"),
    [
        ((32, 48), None, (32, 48)),
        ((32, 48), "24", (16, 24)),
        ((32, 48), "96", (64, 96)),
        ((300, 512), None, (150, 256)),
        ((300, 512), "256", (150, 256)),
        ((7, 5), None, (7, 5)),
        ((1, 400), None, (1, 256)),
        ((400, 1), "16", (16, 1)),
    ],
)
def test_the_longer_edge_is_as_asked_for_else_as_sent_up_to_the_limit(client, astronaut, sent, size, answered):
    photo = encoded(astronaut[: sent[0], : sent[1]])
    params = PNG | ({"size": size} if size else {})
    assert pixels(paint(client, photo, params).content).shape[:2] == answered


def test_a_stroke_of_1_changes_nothing(client, photo):
    assert paint(client, photo, PNG | {"stroke": "1"}).content == paint(client, photo).content


@pytest.fixture(scope="module")
def small_network(connect_once):
    return connect_once(edge_pixels=256, network_edge_pixels=64)


def test_by_itself_a_large_photo_is_painted_small_and_enlarged(small_network, astronaut):
    sent = encoded(astronaut[128:384, 128:384])
    small = resize(Picture(pixels(sent)), 64, 64).rgb
    painted = pixels(paint(small_network, encoded(small)).content)
    expected = resize(Picture(painted), 256, 256).rgb
    for params in (PNG, PNG | {"stroke": "auto"}):
        np.testing.assert_array_equal(pixels(paint(small_network, sent, params).content), expected)


def test_what_an_enlarged_painting_shows_of_the_photo_has_its_resolution(small_network, astronaut):
    photo = astronaut[128:384, 128:384]
    alpha = np.arange(256 * 256).astype(np.uint8).reshape(256, 256)
    sent = encoded(np.dstack([photo, alpha]))
    painted = pixels(paint(small_network, sent).content)
    np.testing.assert_array_equal(painted[:, :, 3], alpha)
    kept = pixels(paint(small_network, sent, PNG | {"color": "keep", "strength": "0.6"}).content)
    over = lay_over(photo, keep_colour(photo, np.ascontiguousarray(painted[:, :, :3])), 0.6)
    np.testing.assert_array_equal(kept, np.dstack([over, alpha]))


@pytest.fixture(scope="module")
def up_to_320(connect_once):
    return connect_once(edge_pixels=320)


@pytest.mark.parametrize(("stroke", "size"), [("2", 128), ("1.6", 160), ("0.8", 320)])
def test_strokes_are_made_larger_by_painting_a_smaller_picture(up_to_320, astronaut, stroke, size):
    sent = encoded(astronaut[128:384, 128:384])
    other = resize(Picture(pixels(sent)), size, size)
    painted = pixels(paint(up_to_320, encoded(other.rgb)).content)
    expected = resize(Picture(painted), 256, 256).rgb
    np.testing.assert_array_equal(pixels(paint(up_to_320, sent, PNG | {"stroke": stroke}).content), expected)


def test_the_photos_part_of_large_strokes_stays_sharp(client, photo):
    params = PNG | {"stroke": "2"}
    painted = pixels(paint(client, photo, params).content)
    kept = keep_colour(pixels(photo), painted)
    both = paint(client, photo, params | {"color": "keep", "strength": "0.6"})
    np.testing.assert_array_equal(pixels(both.content), lay_over(pixels(photo), kept, 0.6))
    assert np.array_equal(pixels(paint(client, photo, params | {"strength": "0"}).content), pixels(photo))


def test_large_strokes_keep_alpha_as_it_was(client, photo):
    alpha = np.linspace(0, 255, 32 * 48).astype(np.uint8).reshape(32, 48)
    response = paint(client, encoded(np.dstack([pixels(photo), alpha])), PNG | {"stroke": "2"})
    np.testing.assert_array_equal(pixels(response.content)[:, :, 3], alpha)


@pytest.mark.parametrize(
    ("sent", "stroke", "seen", "answered"),
    [
        ((150, 256), "2", (75, 128), (150, 256)),
        ((150, 256), "0.5", (150, 256), (75, 128)),
        ((300, 512), "0.5", (150, 256), (75, 128)),
        ((60, 100), "0.5", (120, 200), (60, 100)),
        ((1, 31), "2", (1, 16), (1, 31)),
        ((3, 2), "1.9", (2, 1), (3, 2)),
    ],
)
def test_the_network_never_paints_past_the_limit_and_what_it_paints_is_admitted(
    client, settings, astronaut, monkeypatch, sent, stroke, seen, answered
):
    assert settings.edge_pixels == 256
    shapes, admitted = [], []
    original, admit = Stylizer.paint, Scheduler.admit_passes
    monkeypatch.setattr(Stylizer, "paint", lambda *a: shapes.extend(p.shape[:2] for p in a[1]) or original(*a))
    monkeypatch.setattr(Scheduler, "admit_passes", lambda *a, **k: admitted.append(a[3]) or admit(*a, **k))
    painting = paint(client, encoded(astronaut[: sent[0], : sent[1]]), PNG | {"stroke": stroke})
    assert pixels(painting.content).shape[:2] == answered
    assert shapes == [seen]
    assert admitted == [pytest.approx(seen[0] * seen[1] / 1e6)]


def test_a_size_that_does_not_go_with_the_stroke_is_a_problem(client, photo):
    for more in ({}, {"Prefer": "respond-async"}):
        params = PNG | {"stroke": "0.5", "size": "129"}
        refused = problem(client.post(ROUTE, params=params, content=photo, headers=more), 422, "invalid-option")
        assert refused["detail"] == "`size` is at most 128 pixels here with a `stroke` of 0.5."


def test_a_small_photo_is_enlarged_before_it_is_painted(client, photo):
    expected = resize(decode(photo, 1), 96, 64).rgb
    enlarged = paint(client, photo, PNG | {"size": "96", "strength": "0"})
    np.testing.assert_array_equal(pixels(enlarged.content), expected)


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_alpha_is_kept_where_the_format_can(client, photo, format):
    alpha = np.linspace(0, 255, 32 * 48).astype(np.uint8).reshape(32, 48)
    response = paint(client, encoded(np.dstack([pixels(photo), alpha])), PNG | {"format": format, "quality": "100"})
    assert response.headers["content-type"] == f"image/{format}"
    np.testing.assert_allclose(pixels(response.content)[:, :, 3].astype(int), alpha, atol=2)


def test_jpeg_shows_transparency_as_white(client, photo):
    transparent = np.dstack([pixels(photo), np.zeros((32, 48), np.uint8)])
    painted = pixels(paint(client, encoded(transparent), {"styles": "great_wave"}).content)
    assert painted.shape == (32, 48, 3)
    assert painted.min() >= 254


@pytest.mark.parametrize(
    ("accept", "media_type"), [("image/webp", "image/webp"), ("image/png;q=0.5, image/avif", "image/avif")]
)
def test_accept_chooses_the_format(client, photo, accept, media_type):
    assert paint(client, photo, {"styles": "great_wave"}, Accept=accept).headers["content-type"] == media_type


def test_an_accept_that_nothing_meets(client, photo):
    response = client.post(ROUTE, params={"styles": "great_wave"}, content=photo, headers={"Accept": "text/html"})
    problem(response, 406, "not-acceptable")


def test_quality_makes_the_file_smaller(client, photo):
    sizes = [len(paint(client, photo, {"styles": "great_wave", "quality": q}).content) for q in ("10", "60", "100")]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def test_more_pixels_than_the_limit_are_refused_by_the_header(connect, photo):
    client = connect(picture_megapixels=48 * 32 / 1e6 - 1e-6)
    detail = problem(client.post(ROUTE, params=PNG, content=photo), 413, "picture-too-large")["detail"]
    assert "megapixels" in detail


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"", 400, "empty-body"),
        (b"a text named .jpg", 415, "unsupported-picture"),
        (b"\xff\xd8\xff", 422, "broken-picture"),
    ],
)
def test_bodies_that_are_no_picture(client, body, status, slug):
    problem(client.post(ROUTE, params=PNG, content=body), status, slug)


def test_a_truncated_photo_is_a_problem_and_leaves_nothing_in_the_queue(client, photo):
    problem(client.post(ROUTE, params=PNG, content=photo[: len(photo) // 2]), 422, "broken-picture")
    assert "pastiche_queue_megapixels 0.0" in client.get("/metrics").text


def test_options_are_checked_before_the_body_is_read(client):
    body = iter([b"x"] * 3)
    problem(client.post(ROUTE, params={"styles": "great_wave", "size": "1"}, content=body), 422, "invalid-option")


def test_a_body_past_the_limit(connect):
    client = connect(body_megabytes=0.1)
    too_large = problem(client.post(ROUTE, params=PNG, content=b"x" * 100_001), 413, "body-too-large")
    assert too_large["detail"] == "The body has more than the allowed 0.1 megabytes."
    # Without a length, too, and the connection goes on.
    problem(client.post(ROUTE, params=PNG, content=iter([b"x" * 60_000] * 9)), 413, "body-too-large")
    problem(client.post(ROUTE, data=PNG, files={"image": b"x" * 100_001}), 413, "body-too-large")
    problem(client.post(ROUTE, params=PNG, content=b"x" * 100_000), 415, "unsupported-picture")
    assert "pastiche_upload_bytes 0.0" in client.get("/metrics").text


def test_a_failing_network_is_a_problem_of_its_request_and_the_service_goes_on(connect, photo, monkeypatch):
    client = connect()
    with monkeypatch.context() as broken:
        broken.setattr(Stylizer, "paint", lambda *_: 1 / 0)
        failed = problem(client.post(ROUTE, params=PNG, content=photo), 500, "engine-failed")
    assert failed["title"] == EngineFailed.title
    assert "zero" not in failed["detail"]
    assert paint(client, photo)


def test_the_deadline_answers_504_and_the_picture_is_dropped(connect, photo, monkeypatch):
    client = connect(deadline_seconds=0.2)
    gate = threading.Event()
    original = Stylizer.paint
    monkeypatch.setattr(Stylizer, "paint", lambda *given: gate.wait(60) and original(*given))
    try:
        response = client.post(ROUTE, params=PNG, content=photo)
    finally:
        gate.set()
    problem(response, 504, "deadline-exceeded")
    assert response.headers["connection"] == "close"


def test_a_slow_upload_counts_towards_the_deadline(connect):
    client = connect(deadline_seconds=0.2)
    gate = threading.Event()

    def trickle():
        yield b"\xff\xd8\xff"
        gate.wait(60)

    slow = threading.Timer(2, gate.set)
    slow.start()
    try:
        problem(client.post(ROUTE, params=PNG, content=trickle()), 504, "deadline-exceeded")
    finally:
        gate.set()
        slow.join()


def test_while_warming_up_nothing_is_uploaded(connect, photo, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(Stylizer, "warm", lambda _: gate.wait(60))
    client = connect(wait=False)
    try:
        response = client.post(ROUTE, params=PNG, content=photo)
        assert (client.get("/healthz/live").status_code, client.get("/healthz/ready").status_code) == (200, 503)
    finally:
        gate.set()
    problem(response, 503, "model-unavailable")
    assert 2 <= int(response.headers["retry-after"]) <= 4


def test_an_unexpected_error_says_nothing_about_itself(connect, photo, monkeypatch):
    client = connect()

    def fail(*_):
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(stylize_route, "answer", fail)
    response = client.post(ROUTE, params=PNG, content=photo, headers={"X-Request-ID": "abc"})
    assert problem(response, 500, "internal-error") == {
        "type": "/problems/internal-error",
        "title": "Something went wrong on our side",
        "status": 500,
        "detail": "Something went wrong on our side.",
        "instance": "abc",
    }
    assert response.headers["x-request-id"] == "abc"
