import pytest
from pydantic import SecretStr

KEYS = (SecretStr("first key"), SecretStr("zweiter-schlüssel"))


@pytest.fixture
def guarded(connect):
    return connect(api_keys=KEYS)


def test_only_those_with_a_key_get_in(guarded, photo):
    for route, get in (
        ("/v1/styles", guarded.get),
        ("/v1/styles/starry_night/preview", guarded.get),
        ("/v1/stylize?styles=great_wave", lambda url, headers: guarded.post(url, headers=headers, content=photo)),
    ):
        for key in KEYS:
            value = b"Bearer " + key.get_secret_value().encode()
            assert get(route, headers={"Authorization": value}).status_code == 200
        for wrong in ("", "Bearer", "Bearer first", "Bearer FIRST KEY", "Basic first key", "first key"):
            refused = get(route, headers={"Authorization": wrong})
            assert refused.status_code == 401, (route, wrong)
            assert refused.json()["type"] == "/problems/unauthorized"
            assert refused.headers["www-authenticate"] == 'Bearer realm="pastiche"'


def test_the_key_is_asked_for_before_anything_else(guarded):
    assert guarded.post("/v1/stylize?styel=x", content=b"no picture").status_code == 401


def test_probes_and_measurements_need_no_key(guarded):
    for path in ("/healthz/live", "/healthz/ready", "/metrics", "/openapi.json"):
        assert guarded.get(path).status_code == 200


def test_the_document_asks_for_keys_only_where_there_are_some(guarded, client):
    for connection, secured in ((guarded, True), (client, False)):
        document = connection.get("/openapi.json").json()
        assert ("securitySchemes" in document["components"]) is secured
        operation = document["paths"]["/v1/stylize"]["post"]
        assert ("security" in operation) is secured
        assert ("401" in operation["responses"]) is secured
