"""Admin routes exist for those with the token alone; and every one of their actions is in the audit log."""

import hashlib

import pytest
import structlog
from admin_token import TOKEN
from job_requests import make
from picture_bytes import encoded, waves
from pydantic import SecretStr

ROUTE = "/v1/admin/styles"
KEY = {"Authorization": "Bearer a key"}
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
FINGERPRINT = hashlib.sha256(TOKEN.encode()).hexdigest()[:12]


def admin_routes(client):
    paths = client.get("/openapi.json").json()["paths"]
    return [(method, path) for path, item in paths.items() for method in item if path.startswith("/v1/admin")]


@pytest.fixture
def audit(operator):
    """Send a request with the token, or another header, and give its lines in the audit log."""

    def audit(method, path, headers=None, **options):
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as captured:
            operator.request(method, path, headers={"X-Request-ID": "abc"} | (headers or {}), **options)
            # A line is written after its answer was sent, but before the next request is looked at.
            operator.get("/healthz/live", headers={"Authorization": ""})
        return [line for line in captured if line["event"] == "admin_action" and line["request_id"] == "abc"]

    return audit


def test_without_a_token_there_are_no_admin_routes(client, operator):
    assert admin_routes(client) == []
    for method, path in admin_routes(operator):
        refused = client.request(method, path.replace("{", "").replace("}", ""), headers=ADMIN)
        assert refused.status_code == 404
        assert refused.json()["detail"] == "There is no such route."


def test_every_admin_route_wants_the_token(operator):
    routes = admin_routes(operator)
    assert len(routes) >= 5
    for method, path in routes:
        concrete = path.replace("{", "").replace("}", "").replace("version", "1")
        for wrong in ("", "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}0", f"Basic {TOKEN}", TOKEN, "Bearer é"):
            refused = operator.request(method, concrete, headers={"Authorization": wrong.encode("latin-1")})
            assert refused.status_code == 401, (method, path, wrong)
            assert refused.headers["www-authenticate"] == 'Bearer realm="pastiche"'


def test_the_token_is_asked_for_before_anything_is_read(operator):
    body = b"--b\r\n" + b"x" * 100
    headers = {"Authorization": "Bearer no", "Content-Type": "multipart/form-data; boundary=b"}
    assert operator.post(ROUTE, content=body, headers=headers).status_code == 401


def test_a_key_of_the_public_routes_opens_no_admin_route_but_the_token_opens_all(connect, tmp_path):
    guarded = connect(api_keys=(SecretStr("a key"),), admin_token=SecretStr(TOKEN), data_dir=tmp_path)
    assert guarded.get(ROUTE, headers=KEY).status_code == 401
    assert guarded.get(ROUTE, headers=ADMIN).status_code == 200
    for headers in (KEY, ADMIN):
        assert guarded.get("/v1/styles", headers=headers).status_code == 200
    assert guarded.get("/v1/styles").status_code == 401


def test_the_operator_sees_all_jobs_and_nobody_else_those_of_the_operator(connect, photo, painting, tmp_path):
    guarded = connect(api_keys=(SecretStr("a key"),), admin_token=SecretStr(TOKEN), data_dir=tmp_path)
    theirs, own = make(guarded, photo, painting, KEY), make(guarded, photo, painting, ADMIN)
    shown = [job["id"] for job in guarded.get("/v1/jobs", headers=ADMIN).json()["jobs"]]
    assert shown == [own["id"], theirs["id"]]
    assert [job["id"] for job in guarded.get("/v1/jobs", headers=KEY).json()["jobs"]] == [theirs["id"]]
    assert guarded.get(own["links"]["self"], headers=KEY).status_code == 404
    assert guarded.delete(theirs["links"]["self"], headers=ADMIN).json()["status"] == "cancelled"


def test_without_keys_the_operator_lists_jobs_and_its_own_are_not_found_by_their_ids(operator, photo, painting):
    nobody = {"Authorization": ""}
    theirs, own = make(operator, photo, painting, nobody), make(operator, photo, painting, ADMIN)
    assert {theirs["id"], own["id"]} <= {job["id"] for job in operator.get("/v1/jobs").json()["jobs"]}
    assert operator.get("/v1/jobs", headers=nobody).status_code == 403
    assert operator.get(theirs["links"]["self"], headers=nobody).status_code == 200
    for response in (
        operator.get(own["links"]["self"], headers=nobody),
        operator.delete(own["links"]["self"], headers=nobody),
    ):
        assert response.status_code == 404


def test_the_document_wants_the_token_for_admin_routes_alone(operator):
    document = operator.get("/openapi.json").json()
    assert document["paths"][ROUTE]["post"]["security"] == [{"AdminToken": []}]
    assert document["paths"]["/v1/styles"]["get"]["security"] == []


def test_an_action_is_written_down_with_who_did_what_to_what_and_how_it_ended(audit):
    [line] = audit("POST", ROUTE, data={"title": "Audited"}, files={"image": encoded(waves())})
    assert line == {
        "event": "admin_action",
        "log_level": "info",
        "request_id": "abc",
        "who": FINGERPRINT,
        "client": "127.0.0.1",
        "action": f"POST {ROUTE}",
        "target": ROUTE,
        "outcome": "done",
        "status": 201,
        "problem": None,
        "style": "audited",
    }
    [line] = audit("DELETE", f"{ROUTE}/audited")
    assert (line["action"], line["target"], line["outcome"]) == (
        f"DELETE {ROUTE}/{{style_id}}",
        f"{ROUTE}/audited",
        "done",
    )


def test_what_was_refused_is_written_down_too(audit):
    [line] = audit("DELETE", f"{ROUTE}/nothing_like_it")
    assert (line["outcome"], line["status"], line["problem"]) == ("refused", 404, "not-found")
    wrong = "Bearer " + "w" * 40
    [line] = audit("GET", ROUTE, headers={"Authorization": wrong})
    assert (line["who"], line["outcome"], line["status"]) == (
        hashlib.sha256(b"w" * 40).hexdigest()[:12],
        "refused",
        401,
    )
    [line] = audit("GET", ROUTE, headers={"Authorization": ""})
    assert (line["who"], line["problem"]) == (None, "unauthorized")
    [line] = audit("GET", "/v1/admin/" + "x" * 1000)
    assert (line["outcome"], len(line["target"])) == ("refused", 200)


def test_the_token_is_in_no_line(audit):
    for headers in (None, {"Authorization": "Bearer " + "w" * 40}):
        for line in audit("GET", ROUTE, headers=headers):
            assert TOKEN not in str(line)
            assert "wwww" not in str(line)


def test_what_the_token_opens_elsewhere_is_written_down_and_what_others_do_is_not(audit, operator, photo, painting):
    job = make(operator, photo, painting, ADMIN)
    [line] = audit("DELETE", job["links"]["self"])
    assert (line["who"], line["action"], line["target"]) == (
        FINGERPRINT,
        "DELETE /v1/jobs/{job_id}",
        job["links"]["self"],
    )
    assert audit("GET", "/v1/styles", headers={"Authorization": ""}) == []
