import asyncio
import json

import pytest

from app.api.http.problems import problem_response
from app.api.http.request_log import RequestLog
from app.api.metrics import Metrics
from app.errors import DeadlineExceeded, Overloaded, PasticheError, RequestError, UnknownStyle


def answered(error):
    scope = {"type": "http", "state": {"request_id": "a-1"}}
    response = problem_response(scope, error)
    assert scope["state"]["problem"] is error
    return response, json.loads(response.body)


def test_the_members_are_those_of_the_rfc_and_the_errors_own():
    response, body = answered(UnknownStyle("No such style.", private="/secret", nearest=["great_wave"]))
    assert response.status_code == 422
    assert response.media_type == "application/problem+json"
    assert body == {
        "type": "/problems/unknown-style",
        "title": "Unknown style",
        "status": 422,
        "detail": "No such style.",
        "instance": "a-1",
        "nearest": ["great_wave"],
    }


def test_further_members_do_not_replace_the_standard_ones():
    assert answered(RequestError("True.", status=200, detail_of="x"))[1]["status"] == 400


def test_retry_after_is_told_where_it_is_known():
    told = {answered(Overloaded("Full.", retry_after_seconds=7))[0].headers["retry-after"] for _ in range(100)}
    assert len(told) > 1
    assert {*map(int, told)} <= {*range(7, 15)}
    assert "retry-after" not in answered(Overloaded("Full."))[0].headers


def test_past_the_deadline_the_connection_is_closed_since_its_upload_may_go_on():
    assert answered(DeadlineExceeded())[0].headers["connection"] == "close"


def every_error(kind=PasticheError):
    return [kind, *(below for child in kind.__subclasses__() for below in every_error(child))]


def test_no_two_kinds_share_a_type():
    slugs = [kind.slug for kind in every_error()]
    assert len(set(slugs)) == len(slugs)


@pytest.mark.parametrize("kind", every_error())
def test_every_kind_makes_a_problem_without_being_told_more(kind):
    response, body = answered(kind())
    assert response.status_code == body["status"] == kind.status
    assert body["detail"].endswith(".")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/stylize", "OPTIONS, POST"),
        ("PUT", "/v1/stylize", "OPTIONS, POST"),
        ("HEAD", "/v1/stylize", "OPTIONS, POST"),
        ("PUT", "/v1/styles", "GET, HEAD, OPTIONS, POST"),
        ("BREW", "/healthz/live", "GET, HEAD, OPTIONS"),
        # Two routes, of which the router looks at the first alone.
        ("PUT", "/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        ("PATCH", "/v1/jobs/019a7c3e-8f10-7b2a-9c44-5d1f0e6a7b88", "DELETE, GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client, method, path, allow):
    response = client.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert method == "HEAD" or response.json()["type"] == "/problems/method-not-allowed"


def test_options_tells_the_methods_and_nothing_about_other_origins(client):
    response = client.options("/v1/stylize", headers={"Origin": "https://example.org"})
    assert (response.status_code, response.headers["allow"], response.content) == (204, "OPTIONS, POST", b"")
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_an_unknown_route(client):
    response = client.get("/v2/stylize")
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not-found"


@pytest.mark.parametrize("path", ["/v1/styles", "/v1/styles/starry_night/preview", "/healthz/live", "/openapi.json"])
def test_head_is_get_without_the_body(client, path):
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag"):
        assert head.headers.get(name) == get.headers.get(name)


def test_an_error_after_the_answer_began_is_left_to_the_server():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half an answer")

    async def send(message):
        pass

    scope = {"type": "http", "method": "GET", "path": "/", "state": {"request_id": "a"}}
    with pytest.raises(RuntimeError, match="half"):
        asyncio.run(RequestLog(app, Metrics())(scope, None, send))


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/jobs", "GET, HEAD, OPTIONS, POST"),
        ("/v1/jobs/019a7c3e-8f10-7b2a-9c44-5d1f0e6a7b88", "DELETE, GET, HEAD, OPTIONS"),
    ],
)
def test_options_lists_the_methods_of_all_routes_with_the_path(client, path, allow):
    response = client.options(path)
    assert (response.status_code, response.headers["allow"]) == (204, allow)
