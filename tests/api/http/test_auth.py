import time

import pytest
from pydantic import SecretStr

from app.api.http.keyring import Keyring
from app.settings import load_settings

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
        assert operation["security"] == ([{"ApiKey": []}] if secured else [])
        assert ("401" in operation["responses"]) is secured
        assert ("429" in document["paths"]["/v1/styles"]["get"]["responses"]) is secured


def test_keys_and_token_are_read_again_when_their_files_change(connect, tmp_path):
    """As Kubernetes changes them: the mounted files are links into a folder that is exchanged."""
    keys, token = tmp_path / "keys", tmp_path / "token"

    def write(version, **contents):
        (tmp_path / version).mkdir()
        for name, content in contents.items():
            (tmp_path / version / name).write_text(content)
            (tmp_path / "new").symlink_to(tmp_path / version / name)
            (tmp_path / "new").rename(tmp_path / name)

    def opens(secret, route):
        return client.get(route, headers={"Authorization": f"Bearer {secret}"}).status_code == 200

    def soon(condition):
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.05)

    write("first", keys="the-old-key\n", token=f"{'o' * 40}\n")
    files = {"api_keys_file": keys, "admin_token_file": token}
    start = load_settings(**files)
    client = connect(api_keys=start.api_keys, admin_token=start.admin_token, data_dir=tmp_path / "data", **files)
    assert opens("the-old-key", "/v1/styles")
    assert opens("o" * 40, "/v1/admin/models")
    write("second", keys="the-new-key,another-key\n", token=f"{'n' * 40}\n")
    soon(lambda: opens("the-new-key", "/v1/styles"))
    assert opens("another-key", "/v1/styles")
    assert not opens("the-old-key", "/v1/styles")
    assert opens("n" * 40, "/v1/admin/models")
    assert not opens("o" * 40, "/v1/admin/models")


def test_a_file_that_holds_no_secret_any_more_leaves_the_old_one(tmp_path):
    (tmp_path / "keys").write_text("the-old-key")
    now = [0.0]
    keyring = Keyring(load_settings(api_keys_file=tmp_path / "keys"), clock=lambda: now[0])
    for content in ("", "short"):
        (tmp_path / "keys").write_text(content)
        now[0] += 2
        assert keyring.api_keys == (b"the-old-key",)
    (tmp_path / "keys").unlink()
    now[0] += 2
    assert keyring.api_keys == (b"the-old-key",)
    (tmp_path / "keys").write_text("the-new-key")
    now[0] += 0.5
    assert keyring.api_keys == (b"the-old-key",)
    now[0] += 0.5
    assert keyring.api_keys == (b"the-new-key",)
