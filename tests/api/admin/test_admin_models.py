"""Versions as the operator sees them: listed with what is known of them, activated, rolled back."""

import shutil

import pytest
from admin_token import TOKEN
from picture_bytes import pixels
from pydantic import SecretStr

ROUTE = "/v1/admin/models"


@pytest.fixture
def office(connect, home, model_store):
    client = connect(data_dir=home.data_dir, models_follow_seconds=0.05, admin_token=SecretStr(TOKEN))
    client.headers["Authorization"] = f"Bearer {TOKEN}"
    return client


def activate(client, name, version, **options):
    return client.put(f"{ROUTE}/{name}/active", json={"version": version, **options})


def problem(response, status, slug):
    assert response.status_code == status, response.text
    assert response.json()["type"] == f"/problems/{slug}"
    return response.json()


def test_models_are_listed_with_their_versions(office, released):
    released("compact")
    listed = {model["name"]: model for model in office.get(ROUTE).json()["models"]}
    assert set(listed) == {"compact", "sketch"}
    compact = office.get(f"{ROUTE}/compact").json()
    assert compact == listed["compact"]
    assert (compact["active"], compact["served_here"]) == (1, ["compact@1"])
    first, second = compact["versions"]
    assert (first["label"], first["shipped"], first["active"], first["status"]) == ("compact@1", True, True, "ready")
    assert (second["label"], second["shipped"], second["active"], second["reasons"]) == ("compact@2", False, False, [])
    assert "golden" not in second["metrics"]


def test_a_version_is_activated_and_rolled_back(office, released, photo):
    def painted():
        answer = office.post("/v1/stylize?styles=starry_night&format=png", content=photo)
        return answer.headers["Pastiche-Model"], pixels(answer.content).tobytes()

    before = painted()
    second = released("compact")
    made = activate(office, "compact", second)
    assert made.status_code == 200
    assert made.json()["model"] == "compact@2"
    assert made.json()["changed_by"].startswith("admin ")
    wait_until_served(office, "compact@2")
    assert painted()[0] == "compact@2"
    activate(office, "compact", 1)
    wait_until_served(office, "compact@1")
    assert painted() == before


def wait_until_served(office, label):
    name = label.partition("@")[0]
    while office.get(f"{ROUTE}/{name}").json()["served_here"] != [label]:
        pass


def test_a_candidate_tells_its_reasons_and_is_activated_by_force_alone(office, model_store, released):
    candidate = released("compact", status="candidate")
    found = problem(activate(office, "compact", candidate), 409, "version-refused")
    assert found["detail"] == "compact@2 is a candidate only."
    assert office.get(f"{ROUTE}/compact").json()["active"] == 1
    assert activate(office, "compact", candidate, force=True).json()["forced"] is True
    [version] = [v for v in office.get(f"{ROUTE}/compact").json()["versions"] if v["version"] == candidate]
    assert (version["status"], version["active"], version["forced"]) == ("candidate", True, True)


def test_a_version_whose_files_are_broken_is_refused(office, home, released):
    version = released("compact")
    for weights in (home.data_dir / "blobs" / "models").rglob("model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    shutil.rmtree(home.model_cache_dir, ignore_errors=True)
    found = problem(activate(office, "compact", version, force=True), 409, "version-refused")
    assert str(home.data_dir) not in str(found)
    assert office.get(f"{ROUTE}/compact").json()["active"] == 1


@pytest.mark.parametrize(
    "name", ["absent", "..", "%2e%2e%2fcompact", "compact%00", "compact@1", "C" * 3000, "http:%2f%2fx"]
)
def test_a_name_that_is_none_is_not_found(operator, name):
    assert operator.get(f"{ROUTE}/{name}").status_code in (404, 405)
    assert operator.put(f"{ROUTE}/{name}/active", json={"version": 1}).status_code in (404, 405)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": 0},
        {"version": "2"},
        {"version": 1.5},
        {"version": True},
        {"version": 10**9},
        {"version": None},
        {"version": 1, "force": "yes"},
        {"version": 1, "path": "/models/compact/1"},
        {"url": "https://example.org/model.safetensors"},
    ],
)
def test_an_activation_names_a_version_and_nothing_else(operator, body):
    problem(operator.put(f"{ROUTE}/compact/active", json=body), 422, "invalid-option")


def test_a_version_that_is_not_there_is_not_found(operator):
    problem(activate(operator, "compact", 7), 404, "not-found")
