"""What stands around the routes: other origins, a path prefix, what is open, headers for browsers, problem pages."""

import re

import pytest
from pydantic import SecretStr

from app.api.http.problem_pages import kinds
from app.errors import PasticheError

ORIGIN = "https://studio.example.org"
KEY = "k" * 40
PAINT = "/v1/stylize?styles=great_wave"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
}


def test_a_page_of_a_named_origin_may_paint_and_read_what_it_needs(connect, photo):
    client = connect(cors_origins=(ORIGIN,))
    asked = client.options(PAINT, headers=PREFLIGHT | {"Origin": ORIGIN})
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "idempotency-key" in asked.headers["access-control-allow-headers"]
    for answer in (
        client.post(PAINT, content=photo, headers={"Origin": ORIGIN}),
        client.get("/v1/jobs/none", headers={"Origin": ORIGIN}),
    ):
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert {"Location", "ETag", "Retry-After", "Pastiche-Model", "X-Request-ID"} <= exposed
        assert "Origin" in answer.headers["vary"]


def test_other_origins_are_told_nothing(connect, photo):
    client = connect(cors_origins=(ORIGIN,))
    for answer in (
        client.options(PAINT, headers=PREFLIGHT | {"Origin": "https://other.example.org"}),
        client.get("/v1/styles", headers={"Origin": "https://other.example.org"}),
    ):
        assert answer.status_code in (200, 204)
        assert "access-control-allow-origin" not in answer.headers


def test_without_the_setting_there_is_no_cross_origin_use(client):
    answer = client.options(PAINT, headers=PREFLIGHT | {"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["allow"]) == (204, "OPTIONS, POST")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_star_opens_the_service_to_all_origins(connect):
    answer = connect(cors_origins=("*",)).get("/v1/styles", headers={"Origin": "https://any.example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_links_have_the_path_prefix_whether_the_proxy_takes_it_away_or_not(connect, photo, painting, worker):
    client = connect(root_path="/paint/here")
    for prefix in ("", "/paint/here"):
        made = client.post(f"{prefix}/v1/jobs", files={"content": photo, "style": painting})
        assert made.status_code == 202
        assert re.fullmatch(r"/paint/here/v1/jobs/[0-9a-f-]{36}", made.headers["location"])
        assert made.json()["links"]["events"] == made.headers["location"] + "/events"
        assert client.get(made.headers["location"]).status_code == 200
        [first, *_] = client.get(f"{prefix}/v1/styles").json()["styles"]
        assert first["preview"].startswith("/paint/here/v1/styles/")
        assert client.get(first["preview"]).status_code == 200
        assert client.get(f"{prefix}/openapi.json").json()["servers"] == [{"url": "/paint/here"}]
        assert client.get(f"{prefix}/docs").headers["content-type"].startswith("text/html")
        missing = client.get(f"{prefix}/v1/jobs/none").json()
        assert missing["type"].startswith("/paint/here/problems/")
        assert client.get(missing["type"]).status_code == 200


def test_a_path_that_only_begins_like_the_prefix_is_none_of_ours(connect):
    assert connect(root_path="/paint").get("/painting/v1/styles").status_code == 404


@pytest.mark.parametrize(("name", "path"), [("openapi", "/openapi.json"), ("metrics", "/metrics")])
def test_what_is_served_beside_the_routes_is_open_for_a_key_or_off(client, connect, name, path):
    assert client.get(path).status_code == 200
    guarded = connect(**{name: "key"}, api_keys=(SecretStr(KEY),))
    assert guarded.get(path).status_code == 401
    assert guarded.get(path, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
    assert connect(**{name: "off"}).get(path).status_code == 404


def test_the_reference_can_be_turned_off(client, connect):
    assert client.get("/docs").status_code == 200
    assert connect(docs="off").get("/docs").status_code == 404
    assert connect(openapi="off").get("/docs").status_code == 404


@pytest.mark.parametrize("path", ["/healthz/live", "/v1/styles", "/nothing", "/problems/overloaded", "/docs"])
def test_every_answer_keeps_browsers_from_guessing_and_pages_have_a_policy(client, path):
    answer = client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    html = answer.headers["content-type"].startswith("text/html")
    assert html == path.startswith(("/problems", "/docs"))
    assert ("default-src 'none'" in answer.headers.get("content-security-policy", "")) == html


def test_every_kind_of_problem_has_a_page(client):
    found = list(kinds())
    assert PasticheError in found
    assert len(found) > 35
    index = client.get("/problems").text
    for kind in found:
        page = client.get(f"/problems/{kind.slug}")
        assert page.status_code == 200
        assert f"<h1>{kind.title}</h1>" in page.text
        assert f"Status {kind.status}" in page.text
        assert f'href="/problems/{kind.slug}"' in index
    assert client.get("/problems/none").json()["type"] == "/problems/not-found"


def test_requests_without_a_right_key_are_limited_by_address_and_a_right_one_is_not(connect):
    client = connect(api_keys=(SecretStr(KEY),), unauthorized_per_minute=3, trusted_proxies=("127.0.0.1",))
    right = {"Authorization": f"Bearer {KEY}"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {}):
        assert client.get("/v1/styles", headers=headers).status_code == 401
    refused = client.get("/v1/styles", headers={"Authorization": "Bearer wrong"})
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert client.get("/v1/styles", headers=right).status_code == 200
    assert client.get("/v1/styles", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 401


def test_metrics_count_connections(connect):
    client = connect()
    client.service.metrics.watch_connections(lambda: 7, {"headers_late": 2})
    text = client.get("/metrics").text
    assert "pastiche_connections 7.0" in text
    assert 'pastiche_connections_ended_total{reason="headers_late"} 2.0' in text
