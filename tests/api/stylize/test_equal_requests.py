"""Equal requests to the fast path: one painting for all of them, and none for whoever has it already."""

import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from app.api.stylize import pipeline
from app.engine.stylizer import Stylizer
from app.registry.repository import Repository
from app.serving.catalogue import Catalogue, load_served_model

PAINT = "/v1/stylize?styles=great_wave&format=png"


@pytest.fixture
def caching(connect):
    return connect(result_cache_megabytes=1)


class Brush:
    """Counts what the networks paint, which waits for `gate`."""

    def __init__(self, monkeypatch):
        self.pictures = 0
        self.gate = threading.Event()
        self.gate.set()
        original = Stylizer.paint

        def paint(stylizer, pictures, blends, *repainting):
            self.pictures += len(pictures)
            assert self.gate.wait(60)
            return original(stylizer, pictures, blends, *repainting)

        monkeypatch.setattr(Stylizer, "paint", paint)


@pytest.fixture
def brush(monkeypatch, caching):  # after the warm-up, which paints too
    brush = Brush(monkeypatch)
    yield brush
    brush.gate.set()


def post(client, photo, path=PAINT, **headers):
    answer = client.post(path, content=photo, headers=headers)
    assert answer.status_code in (200, 304), answer.text
    return answer


def asked_by_hand(client, photo):
    """A socket with the same request on its way, which can be closed at any time."""
    asked = socket.create_connection((client.base_url.host, client.base_url.port))
    asked.sendall(f"POST {PAINT} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(photo)}\r\n\r\n".encode() + photo)
    return asked


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def waiting(client):
    """How many requests wait for paintings under way."""
    return sum(flight.waiting for flight in list(client.service.results._flights.values()))


def results(client):
    """How many answers there were from each source that gave any."""
    found = re.findall(r'^pastiche_results_total\{source="(\w+)"\} (\d+)', client.get("/metrics").text, re.MULTILINE)
    return {source: int(count) for source, count in found if int(count)}


def test_the_second_answer_is_the_first_and_says_so(caching, brush, photo):
    first, second = post(caching, photo), post(caching, photo)
    form = caching.post("/v1/stylize", data={"styles": "great_wave:5", "format": "png"}, files={"image": photo})
    assert brush.pictures == 1
    assert first.content == second.content == form.content
    assert first.headers["etag"] == second.headers["etag"] == form.headers["etag"]
    assert [a.headers["cache-status"] for a in (first, second)] == ["pastiche; fwd=miss", "pastiche; hit"]
    for name in ("content-type", "content-length", "pastiche-model", "vary", "cache-control"):
        assert second.headers[name] == first.headers[name]
    assert "engine" not in second.headers["server-timing"]
    assert results(caching) == {"miss": 1, "hit": 2}
    assert "pastiche_result_cache_bytes 0.0" not in caching.get("/metrics").text
    assert "pastiche_upload_bytes 0.0" in caching.get("/metrics").text


def test_other_options_and_photos_are_painted(caching, brush, photo):
    for path in (PAINT, PAINT + "&size=24", PAINT + "&strength=0.5", PAINT.replace("png", "webp")):
        post(caching, photo, path)
    post(caching, photo + b"behind the picture")
    assert brush.pictures == 5


@pytest.mark.parametrize("known", ["{0}", "W/{0}", '"other", {0}'])
def test_whoever_has_the_answer_gets_304_and_nothing_is_painted(client, photo, known, monkeypatch):
    """Without the cache, too: the ETag is known before the painting is."""
    first = post(client, photo)
    monkeypatch.setattr(Stylizer, "paint", lambda *_: pytest.fail("painted"))
    strong = first.headers["etag"].removeprefix("W/")  # which it is not where pictures are painted side by side
    again = post(client, photo, **{"If-None-Match": known.format(strong)})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-type" not in again.headers
    for name in ("etag", "vary", "cache-control", "pastiche-model"):
        assert again.headers[name] == first.headers[name]


def test_a_star_stands_for_no_answer_that_was_not_painted_yet(client, photo):
    broken = client.post(PAINT, content=b"GIF89a", headers={"If-None-Match": "*"})
    assert (broken.status_code, broken.json()["type"]) == (415, "/problems/unsupported-picture")
    assert post(client, photo, **{"If-None-Match": "*"}).status_code == 200


def test_whoever_has_another_answer_gets_this_one(client, photo):
    other = post(client, photo, PAINT + "&strength=0.5").headers["etag"]
    assert post(client, photo, **{"If-None-Match": other}).status_code == 200


def test_equal_requests_at_the_same_time_are_painted_once(caching, brush, photo):
    brush.gate.clear()
    with ThreadPoolExecutor(6) as crowd:
        answers = [crowd.submit(post, caching, photo) for _ in range(6)]
        wait_for(lambda: waiting(caching) == 6)
        brush.gate.set()
        found = [answer.result() for answer in answers]
    assert brush.pictures == 1
    assert len({answer.content for answer in found}) == 1
    assert results(caching) == {"miss": 1, "shared": 5}
    shared = [answer for answer in found if answer.headers["cache-status"] == "pastiche; fwd=miss; collapsed"]
    assert len(shared) == 5


def test_the_first_one_may_leave_before_its_photo_is_decoded(caching, brush, photo, monkeypatch):
    """Its photo stays with the painting, which another waits for."""
    gate = threading.Event()
    decode_at = pipeline.decode_at
    monkeypatch.setattr(pipeline, "decode_at", lambda *given, **named: gate.wait(60) and decode_at(*given, **named))
    with ThreadPoolExecutor(1) as crowd:
        first = asked_by_hand(caching, photo)
        wait_for(lambda: waiting(caching) == 1)
        second = crowd.submit(post, caching, photo)
        wait_for(lambda: waiting(caching) == 2)
        first.close()
        wait_for(lambda: waiting(caching) == 1)
        gate.set()
        assert second.result().headers["cache-status"] == "pastiche; fwd=miss; collapsed"
    assert brush.pictures == 1
    assert "pastiche_upload_bytes 0.0" in caching.get("/metrics").text
    assert post(caching, photo).headers["cache-status"] == "pastiche; hit"


def test_when_all_leave_nothing_is_painted_and_nothing_held(caching, brush, photo):
    brush.gate.clear()
    with ThreadPoolExecutor(1) as crowd:
        busy = crowd.submit(post, caching, photo, PAINT + "&strength=0.5")
        wait_for(lambda: brush.pictures == 1)
        clients = [asked_by_hand(caching, photo) for _ in range(3)]
        wait_for(lambda: waiting(caching) == 4)
        for one in clients:
            one.close()
        wait_for(lambda: waiting(caching) == 1)
        brush.gate.set()
        assert busy.result()
    wait_for(lambda: "pastiche_queue_megapixels 0.0" in caching.get("/metrics").text)
    assert "pastiche_upload_bytes 0.0" in caching.get("/metrics").text
    assert brush.pictures == 1


def test_a_swap_in_between_is_another_painting(caching, brush, photo, tmp_path, make_version):
    make_version(tmp_path, "compact", 2)
    model = Repository(tmp_path).load("compact")
    service = caching.service
    device = next(iter(service.catalogue.stylizers.values())).device
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    stylizer.warm()
    path, painted = PAINT.replace("great_wave", "starry_night"), brush.pictures
    brush.gate.clear()
    with ThreadPoolExecutor(2) as crowd:
        old = crowd.submit(post, caching, photo, path)
        wait_for(lambda: brush.pictures == painted + 1)
        catalogue = Catalogue([load_served_model(model, stylizer)])
        service.engine.swap(catalogue.stylizers)
        service.catalogue = catalogue
        new = crowd.submit(post, caching, photo, path)
        wait_for(lambda: waiting(caching) == 2)
        brush.gate.set()
        before, after = old.result(), new.result()
    assert [a.headers["pastiche-model"] for a in (before, after)] == ["compact@1", "compact@2"]
    assert after.headers["etag"] != before.headers["etag"]
    assert after.content != before.content
    again = post(caching, photo, path, **{"If-None-Match": before.headers["etag"]})
    assert (again.status_code, again.headers["cache-status"]) == (200, "pastiche; hit")
    assert again.content == after.content


def test_the_answers_of_one_key_are_not_kept_for_another(connect, monkeypatch, photo):
    client = connect(result_cache_megabytes=1, api_keys=(SecretStr("anna"), SecretStr("bert")))
    brush = Brush(monkeypatch)
    answers = [post(client, photo, Authorization=f"Bearer {who}") for who in ("anna", "anna", "bert", "bert")]
    assert [a.headers["cache-status"].endswith("hit") for a in answers] == [False, True, False, True]
    assert len({answer.headers["etag"] for answer in answers}) == len({answer.content for answer in answers}) == 1
    assert brush.pictures == 2


def test_a_broken_photo_is_one_problem_each_and_nothing_is_kept(caching, photo):
    for _ in range(2):
        assert caching.post(PAINT, content=photo[:-60]).status_code == 422
    assert caching.service.results.held_bytes == 0
