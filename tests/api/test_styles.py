import hashlib

import pytest
from pydantic import SecretStr

STARRY_NIGHT = {
    "id": "starry_night",
    "title": "The Starry Night",
    "artist": "Vincent van Gogh",
    "year": 1889,
    "licence": "Public domain",
    "kind": "style",
    "model": "compact@1",
    "preview": "/v1/styles/starry_night/preview",
    "losses": {"style": 0.125, "content": 0.5},
    "image": None,
}


def styles(client, query=""):
    return client.get(f"/v1/styles{query}").json()["styles"]


def named(offered):
    return [(style["model"], style["id"]) for style in offered]


OF_COMPACT = [("compact@1", style) for style in ("starry_night", "great_wave", "the_scream", "composition_vii")]
OF_SKETCH = [("sketch@1", style) for style in ("charcoal", "great_wave")]


def test_the_list_has_the_default_models_styles_in_order(client):
    assert styles(client)[0] == STARRY_NIGHT
    assert named(styles(client)) == OF_COMPACT


@pytest.mark.parametrize("query", ["?all=true", "?model=all"])
def test_all_models_styles(client, query):
    assert named(styles(client, query)) == OF_COMPACT + OF_SKETCH


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?search=van%20gogh", OF_COMPACT[:1]),
        ("?search=GOGH", OF_COMPACT[:1]),
        ("?search=wave", OF_COMPACT[1:2]),
        ("?search=wave&all=true", [OF_COMPACT[1], OF_SKETCH[1]]),
        ("?search=wave&model=sketch", OF_SKETCH[1:]),
        ("?search=hokusai%20starry", []),
        ("?search=", []),
    ],
)
def test_styles_are_found_by_title_and_artist(client, query, found):
    assert named(styles(client, query)) == found


def test_the_nearest_are_those_of_the_artist(client, photo):
    refused = client.post("/v1/stylize?styles=hokusai", content=photo)
    assert (refused.status_code, refused.json()["nearest"]) == (422, ["great_wave"])
    assert client.get("/v1/styles/van%20gogh").json()["nearest"] == ["starry_night"]


@pytest.mark.parametrize("model", ["sketch", "sketch@1"])
def test_one_models_styles(client, model):
    assert [style["id"] for style in styles(client, f"?model={model}")] == ["charcoal", "great_wave"]


def test_one_style(client):
    assert client.get("/v1/styles/starry_night").json() == STARRY_NIGHT


def test_a_style_that_two_models_have_is_the_first_ones_unless_one_is_named(client):
    assert client.get("/v1/styles/great_wave").json()["title"] == "The Great Wave"
    assert client.get("/v1/styles/great_wave?model=sketch").json()["title"] == "The Great Wave, in charcoal"


def test_every_preview_that_the_catalogue_names_is_there(client, models_dir):
    for style in styles(client, "?all=true"):
        if style["preview"] is None:
            continue
        response = client.get(style["preview"])
        name, version = style["model"].split("@")
        published = (models_dir / name / version / "previews" / f"{style['id']}.jpg").read_bytes()
        assert response.content == published
        assert response.headers["content-type"] == "image/jpeg"
        assert response.headers["etag"] == f'"{hashlib.sha256(published).hexdigest()[:32]}"'


def test_a_preview_is_not_sent_again_to_a_client_that_has_it(client):
    first = client.get("/v1/styles/starry_night/preview")
    for known in (first.headers["etag"], "W/" + first.headers["etag"], f'"other", {first.headers["etag"]}', "*"):
        again = client.get("/v1/styles/starry_night/preview", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/v1/styles/starry_night/preview", headers={"If-None-Match": '"other"'}).status_code == 200


def test_only_previews_that_need_no_key_are_kept_by_shared_caches(client, connect):
    open_to_all = client.get("/v1/styles/starry_night/preview")
    assert open_to_all.headers["cache-control"] == "public, max-age=3600"
    guarded = connect(api_keys=(SecretStr("a key of the tests"),))
    key = {"Authorization": "Bearer a key of the tests"}
    for known, status in ({}, 200), ({"If-None-Match": open_to_all.headers["etag"]}, 304):
        kept = guarded.get("/v1/styles/starry_night/preview", headers=key | known)
        assert (kept.status_code, kept.headers["cache-control"]) == (status, "private, max-age=3600")


@pytest.mark.parametrize(
    ("path", "status", "members"),
    [
        ("/v1/styles/stary_night", 404, {"nearest": ["starry_night"]}),
        ("/v1/styles/charcoal?model=compact", 404, {"nearest": []}),
        ("/v1/styles/the_scream/preview", 404, {}),
        ("/v1/styles/..%2F..%2Fetc%2Fpasswd", 404, {}),
        ("/v1/styles/%00", 404, {"nearest": []}),
        ("/v1/styles?model=nothing", 422, {"models": ["compact@1", "sketch@1"]}),
        ("/v1/styles?modell=compact", 422, {}),
        ("/v1/styles?all=true&model=compact", 422, {}),
        ("/v1/styles/", 404, {}),
    ],
)
def test_what_there_is_not(client, path, status, members):
    response = client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    standard = {"type", "title", "status", "detail", "instance"}
    assert {name: value for name, value in response.json().items() if name not in standard} == members
