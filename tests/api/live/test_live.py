"""The WebSocket `/v1/live`: what it answers, what it drops, whom it refuses, and that nothing stays behind."""

import json
import time

import httpx
import numpy as np
import pytest
from live_painter import GUARD_SECONDS, Painter
from picture_bytes import encoded, pixels
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed, InvalidStatus

KEY = "a-key-of-sixteen"


def wait_for(condition):
    end = time.monotonic() + GUARD_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def metric(client, name):
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"pastiche_{name} "))


def idle(client):
    names = ("live_sessions", "queue_megapixels", "queue_pictures", "batch_pictures", "codec_steps", "upload_bytes")
    return {name: metric(client, name) for name in names} == dict.fromkeys(names, 0)


def send_and_listen(painter, data):
    painter.send(data)
    painter.said()


def posted(client, frame, **options):
    answer = client.post("/v1/stylize", content=frame, params=options)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize(
    "options",
    [
        {"styles": "great_wave"},
        {"styles": "great_wave:0.7,starry_night:0.3", "strength": 0.6, "color": "keep", "format": "png"},
        {"styles": "the_scream", "size": 40, "stroke": 2, "quality": 50},
        {"styles": "the_scream", "strength": 0, "format": "webp"},
        {"styles": "charcoal", "model": "sketch", "size": 96},
    ],
)
def test_a_frame_is_painted_as_the_route_paints_it(client, paint_live, frames, options):
    painter = paint_live(client)
    assert painter.choose(**options, rate=0, steady=False) == {
        "options": {**{name: str(value) for name, value in options.items()}, "rate": 0, "steady": False},
        "from": 1,
    }
    for number, frame in enumerate(frames[:2], 1):
        painter.send(frame)
        said, data = painter.picture()
        assert data == posted(client, frame, **options)
        assert (said["frame"], said["skipped"], said["format"]) == (number, 0, options.get("format", "jpeg"))
        assert pixels(data).shape[1::-1] == (said["width"], said["height"])


def test_a_smaller_working_size_gives_the_picture_of_that_size(client, paint_live, frames, monkeypatch):
    # As if it had been found that larger ones take too long.
    monkeypatch.setattr("app.api.live.working_edge.WorkingEdge.of", lambda self, asked: asked - 16)
    painter = paint_live(client)
    painter.choose(styles="great_wave", format="png")
    painter.send(frames[0])
    said, data = painter.picture()
    assert (said["width"], said["height"]) == (48, 36)
    assert data == posted(client, frames[0], styles="great_wave", format="png", size=48)


def test_options_count_for_the_frames_after_them(client, paint_live, frames, brush):
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0, steady=False)
    brush.gate.clear()
    painter.send(frames[0])
    wait_for(lambda: brush.begun == 1)
    painter.send(frames[1])
    assert painter.choose(strength=0.5)["from"] == 3
    brush.gate.set()
    assert painter.picture()[1] == posted(client, frames[0], styles="great_wave")
    assert painter.picture()[1] == posted(client, frames[1], styles="great_wave")
    painter.send(frames[2])
    assert painter.picture()[1] == posted(client, frames[2], styles="great_wave", strength=0.5)
    assert painter.choose(strength=None)["options"] == {"styles": "great_wave", "rate": 0, "steady": False}
    painter.send(frames[2])
    assert painter.picture()[1] == posted(client, frames[2], styles="great_wave")


def test_strokes_stay_where_nothing_changes(client, paint_live, frames):
    """A still camera: what differs between two frames is their noise, which a network makes something else of."""
    rng = np.random.default_rng(0)
    scene = pixels(frames[0]).astype(float)
    noisy = [encoded(np.clip(scene + rng.normal(0, 3, scene.shape), 0, 255).astype(np.uint8), "png") for _ in range(8)]
    changes = {}
    for steady in (True, False):
        painter = paint_live(client)
        options = {} if steady else {"steady": False}
        assert painter.choose(styles="great_wave", rate=0, format="png", **options)["options"]["steady"] is steady
        shown = []
        for frame in noisy:
            painter.send(frame)
            shown.append(painter.picture()[1])
        assert shown[0] == posted(client, noisy[0], styles="great_wave", format="png")
        shown = np.stack([pixels(data) for data in shown]).astype(float)
        changes[steady] = np.abs(np.diff(shown, axis=0))[4:].mean()
        painter.socket.close()
    assert changes[True] < changes[False] / 3


def test_nothing_is_kept_of_another_style_and_all_of_another_strength(client, paint_live, frames):
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0)
    painter.send(frames[0])
    painter.picture()
    painter.choose(styles="the_scream")
    painter.send(frames[0])
    assert painter.picture()[1] == posted(client, frames[0], styles="the_scream")
    painter.choose(strength=0.5)
    noisy = encoded(pixels(frames[0]) // 2 * 2, "png")
    painter.send(noisy)
    said, data = painter.picture()
    assert data != posted(client, noisy, styles="the_scream", strength=0.5)
    assert said["milliseconds"]["steady"] > 0


def test_regions_of_live_frames_keep_the_strokes_of_their_own_styles(client, paint_live, frames):
    regions = json.dumps([{"polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], "styles": "the_scream"}])
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0, format="png", regions=regions)
    painter.send(frames[0])
    first = painter.picture()[1]
    assert first == posted(client, frames[0], styles="great_wave", format="png", regions=regions)
    painter.send(frames[0])
    # The same frame: what is kept of each painting is that painting.
    assert np.abs(pixels(painter.picture()[1]).astype(int) - pixels(first)).max() <= 1
    painter.choose(strength=0)
    painter.send(frames[0])
    assert painter.picture()[1] == posted(
        client,
        frames[0],
        styles="great_wave",
        format="png",
        regions=regions.replace("}]", ', "strength": 0}]'),
        strength=0,
    )


def test_of_the_frames_that_come_meanwhile_the_newest_is_answered(client, paint_live, frames, brush):
    dropped, answered = (metric(client, f'live_frames_total{{outcome="{it}"}}') for it in ("dropped", "answered"))
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0, steady=False)
    brush.gate.clear()
    painter.send(frames[0])
    wait_for(lambda: brush.begun == 1)
    for frame in frames[1:]:
        painter.send(frame)
    painter.choose(quality=90)  # it is answered when all of them have been read
    brush.gate.set()
    first, _ = painter.picture()
    newest, data = painter.picture()
    assert (first["frame"], newest["frame"], newest["skipped"]) == (1, 8, 6)
    assert data == posted(client, frames[7], styles="great_wave")
    assert metric(client, 'live_frames_total{outcome="dropped"}') - dropped == 6
    assert metric(client, 'live_frames_total{outcome="answered"}') - answered == 2


def test_a_handle_of_a_style_image_is_refused_where_it_is_unknown_and_the_session_goes_on(client, paint_live, frames):
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0, steady=False)
    refused = painter.choose(styles="style:" + 32 * "0")["problem"]
    assert refused["status"] == 422
    painter.send(frames[0])
    assert painter.picture()[1] == posted(client, frames[0], styles="great_wave")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("", "malformed-body"),
        ("{", "malformed-body"),
        ("[1]", "malformed-body"),
        ("[" * 5000, "malformed-body"),
        ('{"styles": "nope"}', "unknown-style"),
        ('{"stile": "great_wave"}', "invalid-option"),
        ('{"styles": "great_wave", "styles": "the_scream"}', "invalid-option"),
        ('{"styles": ["great_wave"]}', "invalid-option"),
        ('{"strength": NaN}', "invalid-option"),
        ('{"strength": 1e999}', "invalid-option"),
        ('{"strength": true}', "invalid-option"),
        ('{"size": 257}', "invalid-option"),
        ('{"weights": "1"}', "invalid-option"),
        ('{"rate": 61}', "invalid-option"),
        ('{"rate": "fast"}', "invalid-option"),
        ('{"rate": true}', "invalid-option"),
        ('{"steady": "yes"}', "invalid-option"),
        ('{"steady": 1}', "invalid-option"),
        ('{"styles": "' + 20_000 * "a" + '"}', "body-too-large"),
    ],
)
def test_wrong_options_are_told_and_change_nothing(client, paint_live, frames, text, slug):
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0, steady=False)
    painter.socket.send(text)
    problem = painter.problem()
    assert problem["type"] == f"/problems/{slug}"
    assert {"title", "status", "detail", "instance"} < set(problem)
    painter.send(frames[0])
    assert painter.picture()[1] == posted(client, frames[0], styles="great_wave")


def broken(frames):
    return {
        b"": "empty-body",
        b"no picture": "unsupported-picture",
        frames[0][:300]: "broken-picture",
        bytes(1_000_001): "body-too-large",
    }


def test_hostile_frames_are_told_one_by_one_and_the_session_goes_on(client, paint_live, frames):
    painter = paint_live(client)
    painter.send(frames[0])
    assert "`styles` is missing" in painter.problem()["detail"]
    painter.choose(styles="great_wave", rate=0, steady=False)
    for number, (data, slug) in enumerate(broken(frames).items(), 2):
        painter.send(data)
        problem = painter.problem()
        assert (problem["type"], problem["frame"]) == (f"/problems/{slug}", number)
    painter.send(frames[0])
    assert painter.picture()[0]["frame"] == 6


def test_a_frame_beyond_all_bounds_ends_the_session_and_leaves_nothing(client, paint_live):
    # With which code, tests/server/test_websocket.py has: here the connection may be reset while we still send.
    painter = paint_live(client)
    with pytest.raises(ConnectionClosed):
        send_and_listen(painter, bytes(10_000_000))
    wait_for(lambda: idle(client))


def test_a_client_that_dies_while_its_frame_is_painted_leaves_nothing(client, paint_live, frames, brush):
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0, steady=False)
    brush.gate.clear()
    for frame in frames:
        painter.send(frame)
    wait_for(lambda: brush.begun == 1)
    painter.socket.socket.close()
    wait_for(lambda: metric(client, "live_sessions") == 0)
    brush.gate.set()
    wait_for(lambda: idle(client))


def test_a_session_without_frames_is_closed_with_its_reason(connect, paint_live):
    painter = paint_live(connect(live_idle_seconds=0.2))
    problem = painter.problem()
    assert (problem["type"], problem["status"]) == ("/problems/request-timeout", 408)
    assert painter.end() == (4408, "request-timeout")


def test_sessions_are_bounded_for_each_and_in_all(connect, paint_live):
    for changes, slug, code in (
        ({"live_sessions_each": 1}, "too-many-requests", 4429),
        ({"live_sessions": 1}, "overloaded", 4503),
    ):
        client = connect(**changes)
        first = paint_live(client)
        with Painter(str(client.base_url)) as second:
            problem = second.problem()
            assert problem["type"] == f"/problems/{slug}"
            assert problem["retry_after"] >= 10
            assert second.end() == (code, slug)
        assert metric_of(client, "live_refusals_total", slug) == 1
        first.socket.close()
        wait_for(lambda client=client: metric(client, "live_sessions") == 0)
        paint_live(client).socket.close()


def test_a_key_comes_in_the_header_or_as_a_subprotocol(connect, paint_live, frames):
    client = connect(api_keys=(SecretStr(KEY),))
    for painter in (
        paint_live(client, KEY),
        paint_live(client, additional_headers={"Authorization": f"Bearer {KEY}"}),
    ):
        assert painter.socket.subprotocol == "pastiche.live"
        painter.choose(styles="great_wave", rate=0, steady=False)
        painter.send(frames[0])
        painter.picture()
        painter.socket.close()


@pytest.mark.parametrize("key", [None, "another-key-of-1", ""])
def test_without_a_right_key_the_session_is_closed_with_its_reason(connect_once, key):
    client = connect_once(api_keys=(SecretStr(KEY),))
    with Painter(str(client.base_url), key) as painter:
        assert painter.problem()["type"] == "/problems/unauthorized"
        assert painter.end() == (4401, "unauthorized")


def test_a_session_ends_when_its_key_is_removed_and_others_go_on(connect, paint_live, frames, tmp_path):
    keys, other = tmp_path / "keys", "another-key-of-1"
    keys.write_text(f"{KEY},{other}\n")
    given = tuple(map(SecretStr, (KEY, other)))
    client = connect(api_keys=given, api_keys_file=keys, data_dir=tmp_path / "data")
    removed, kept = paint_live(client, KEY), paint_live(client, other)
    for painter in (removed, kept):
        painter.choose(styles="great_wave", rate=0)
        painter.send(frames[0])
        painter.picture()
    keys.write_text(f"{other}\n")
    time.sleep(1.1)  # the file is looked at once a second
    kept.send(frames[1])
    kept.picture()
    removed.send(frames[1])
    assert "no longer valid" in removed.problem()["detail"]
    assert removed.end() == (4401, "unauthorized")
    assert metric_of(client, "live_refusals_total", "unauthorized") == 0


def metric_of(client, name, problem):
    return metric(client, f'{name}{{problem="{problem}"}}')


def test_an_offer_that_is_no_base64_is_a_wrong_key(connect, monkeypatch):
    monkeypatch.setattr("live_painter.offer_of", lambda key: f"pastiche.key.{key}")
    with Painter(str(connect(api_keys=(SecretStr(KEY),)).base_url), "!!!") as painter:
        assert painter.problem()["detail"] == "The key is not valid."


def test_pages_of_other_origins_are_refused_before_the_handshake(client, paint_live):
    url = str(client.base_url).rstrip("/")
    paint_live(client, origin=url)
    for origin in ("https://example.org", "null", url.replace("127.0.0.1", "localhost")):
        with pytest.raises(InvalidStatus) as refused:
            Painter(url, origin=origin)
        response = refused.value.response
        assert response.status_code == 403
        assert response.headers["Content-Type"] == "application/problem+json"
        assert json.loads(response.body)["type"] == "/problems/forbidden"


def test_pages_of_named_origins_may_open_sessions(connect, paint_live):
    client = connect(cors_origins=("https://example.org",))
    paint_live(client, origin="https://example.org")
    with pytest.raises(InvalidStatus):
        Painter(str(client.base_url), origin="https://example.com")


def test_a_plain_request_is_told_what_the_route_is(client):
    answer = client.get("/v1/live")
    assert (answer.status_code, answer.json()["type"]) == (426, "/problems/upgrade-required")
    assert answer.headers["Upgrade"] == "websocket"


def test_where_live_painting_is_off_there_is_no_such_route(connect):
    client = connect(live_sessions=0)
    with pytest.raises(InvalidStatus) as refused:
        Painter(str(client.base_url))
    assert refused.value.response.status_code == 404


def test_a_session_below_the_prefix_of_a_proxy(connect):
    client = connect(root_path="/paint")
    for base in (str(client.base_url), str(client.base_url) + "/paint"):
        with Painter(base) as painter:
            assert "ready" in painter.said()
            painter.send(b"x")
            assert painter.problem()["type"] == "/paint/problems/invalid-option"


def test_the_time_for_a_frame_is_not_that_of_a_request(connect, paint_live, frames):
    client = connect(deadline_seconds=3600)
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0, steady=False)
    painter.send(frames[0])
    assert painter.picture()[1] == posted(client, frames[0], styles="great_wave")


def test_the_answers_name_the_time_of_each_stage(client, paint_live, frames):
    painter = paint_live(client)
    painter.choose(styles="great_wave", rate=0, steady=False)
    painter.send(frames[0])
    said, _ = painter.picture()
    assert set(said["milliseconds"]) == {"waited", "queue", "decode", "engine", "colour", "encode", "total"}
    assert metric(client, "live_delay_seconds_count") >= 1


def test_the_handshake_is_answered_with_the_id_of_the_request(client):
    painter = Painter(str(client.base_url), additional_headers={"X-Request-ID": "mine"})
    with painter:
        assert painter.socket.response.headers["X-Request-ID"] == "mine"
        painter.said()
        painter.send(b"x")
        assert painter.problem()["instance"] == "mine"


def test_other_routes_pass_an_offer_of_a_websocket_over(client):
    offer = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x" * 22 + "==",
        "Sec-WebSocket-Version": "13",
    }
    assert httpx.get(str(client.base_url.join("/v1/styles")), headers=offer).status_code == 200
