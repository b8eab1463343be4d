"""A process serves what is active: it swaps when that changes, and goes on with what it has when it cannot."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import time
import weakref
from contextlib import closing

import httpx
import pytest

from app.engine.stylizer import Stylizer
from app.main import create_app
from app.registry.error import InvalidModel
from app.registry.repository import describe
from app.sql.database import Database
from app.sql.schema import model_versions

PAINT = "/v1/stylize?styles=starry_night&format=png"


@pytest.fixture
def serve(connect, home, model_store):
    """Starts an application at home; its service is `client.service`."""

    def start(**changes):
        return connect(**{"data_dir": home.data_dir, "models_follow_seconds": 0.05} | changes)

    return start


def ready(client: httpx.Client) -> dict:
    return client.get("/healthz/ready").json()


def wait_for(condition):
    end = time.monotonic() + 60
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return value


def test_what_becomes_active_is_served_with_its_styles(serve, model_store, released, photo):
    client = serve()
    assert ready(client)["models"] == ["compact@1", "sketch@1"]
    before = client.post(PAINT, content=photo)
    model_store.activate("compact", released("compact"), by="test")
    wait_for(lambda: ready(client)["models"] == ["compact@2", "sketch@1"])
    after = client.post(PAINT, content=photo)
    assert (before.headers["Pastiche-Model"], after.headers["Pastiche-Model"]) == ("compact@1", "compact@2")
    assert before.content != after.content
    assert {style["id"] for style in client.get("/v1/styles?model=compact").json()["styles"]} == {
        "starry_night",
        "new_one",
    }
    model_store.activate("compact", 1, by="test")
    wait_for(lambda: ready(client)["models"] == ["compact@1", "sketch@1"])
    assert client.post(PAINT, content=photo).content == before.content


def test_a_model_that_the_settings_do_not_name_is_served_when_it_is_active(serve, model_store, released, photo):
    client = serve()
    released("mine")
    assert client.post(PAINT + "&model=mine", content=photo).status_code == 422
    model_store.activate("mine", 1, by="test")
    wait_for(lambda: ready(client)["models"] == ["compact@1", "sketch@1", "mine@1"])
    assert client.post(PAINT + "&model=mine", content=photo).headers["Pastiche-Model"] == "mine@1"
    assert client.post(PAINT, content=photo).headers["Pastiche-Model"] == "compact@1"


def test_a_pinned_version_stays(serve, model_store, released):
    client = serve(models=("compact@1", "sketch"))
    model_store.activate("compact", released("compact"), by="test")
    model_store.activate("sketch", released("sketch"), by="test")
    wait_for(lambda: ready(client)["models"] == ["compact@1", "sketch@2"])


def test_the_active_version_is_served_from_the_start(serve, model_store, released, home):
    model_store.activate("compact", released("compact"), by="test")
    assert ready(serve())["models"] == ["compact@2", "sketch@1"]


def test_a_request_in_flight_finishes_on_the_version_it_began_with(serve, model_store, released, photo):
    client = serve()
    before = client.post(PAINT, content=photo)

    def body():
        yield photo[:100]
        model_store.activate("compact", released("compact"), by="test")
        wait_for(lambda: ready(other)["models"][0] == "compact@2")
        yield photo[100:]

    with httpx.Client(base_url=client.base_url, timeout=600) as other:
        answer = client.post(PAINT, content=body())
        assert answer.headers["Pastiche-Model"] == "compact@1"
        assert answer.content == before.content
        assert other.post(PAINT, content=photo).headers["Pastiche-Model"] == "compact@2"


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_and_says_why(serve, model_store, released, home, photo):
    client = serve()
    released("compact")
    folder = model_store.folder("compact@2")
    model_store.activate("compact", 2, by="test")
    wait_for(lambda: ready(client)["models"][0] == "compact@2")
    # As far as the gates go it is good; what lies in the storage is not what was published.
    version = released("compact", seed=1)
    [weights] = (home.data_dir / "blobs" / "models" / "compact" / str(version)).glob("*/model.safetensors")
    good = weights.read_bytes()
    model_store._rows.activate("compact", version, by="test", forced=False)
    weights.write_bytes(good[:-1])
    shutil.rmtree(folder.parent / str(version), ignore_errors=True)
    wait_for(lambda: ready(client)["refused"])
    assert ready(client)["models"][0] == "compact@2"
    assert "model.safetensors of compact@3" in ready(client)["refused"]["compact@3"]
    assert str(home.data_dir) not in str(ready(client))
    assert client.post(PAINT, content=photo).headers["Pastiche-Model"] == "compact@2"
    model_store.activate("compact", 1, by="test")
    wait_for(lambda: ready(client)["models"][0] == "compact@1")
    assert ready(client)["refused"] == {}


def vouch(folder, home, version, *, file=None, content=b"", manifest=None):
    """Put something else into the storage together with hashes that are right for it."""
    if file is not None:
        (folder / file).write_bytes(content)
        about = json.loads((folder / "manifest.json").read_text())
        about["files"][file] = describe(content).model_dump()
        manifest = json.dumps(about).encode()
    (folder / "manifest.json").write_bytes(manifest)
    with closing(Database(home.ledger_url)) as database, database.write() as connection:
        row = model_versions.update().where(model_versions.c.version == version)
        connection.execute(row.values(manifest_sha256=hashlib.sha256(manifest).hexdigest()))


HOSTILE = {
    "weights cut": lambda folder, *_: os.truncate(folder / "model.safetensors", 100),
    "weights gone": lambda folder, *_: (folder / "model.safetensors").unlink(),
    "weights a pickle": lambda *given: vouch(*given, file="model.safetensors", content=b"\x80\x04\x95 a pickle"),
    "weights a header without end": lambda *given: vouch(
        *given, file="model.safetensors", content=(2**62).to_bytes(8, "little") + b"{}"
    ),
    "manifest gone": lambda folder, *_: (folder / "manifest.json").unlink(),
    "manifest changed": lambda folder, *_: (folder / "manifest.json").write_text("{}"),
    "manifest nested": lambda *given: vouch(*given, manifest=b"[" * 100_000),
    "manifest of bytes": lambda *given: vouch(*given, manifest=bytes(range(256))),
    "preview gone": lambda folder, *_: (folder / "previews" / "starry_night.jpg").unlink(),
    "preview a page": lambda *given: vouch(*given, file="previews/starry_night.jpg", content=b"<script>"),
    "preview cut": lambda *given: vouch(*given, file="previews/starry_night.jpg", content=b"\xff\xd8\xff\xe0"),
    "a path": lambda *given: vouch(*given, file="../../../escaped", content=b"x"),
}


def test_hostile_versions_are_refused_one_after_the_other_and_the_service_goes_on(
    serve, model_store, released, home, photo
):
    client = serve()
    before = client.post(PAINT, content=photo)
    for what, damage in HOSTILE.items():
        version = released("compact")
        [folder] = (home.data_dir / "blobs" / "models" / "compact" / str(version)).iterdir()
        damage(folder, home, version)
        model_store._rows.activate("compact", version, by="test", forced=False)
        wait_for(lambda: ready(client).get("refused"))
        assert ready(client)["refused"].keys() == {f"compact@{version}"}, what
        answer = client.post(PAINT, content=photo)
        assert (answer.headers["Pastiche-Model"], answer.content) == ("compact@1", before.content), what
        model_store.activate("compact", 1, by="test")
        wait_for(lambda: ready(client)["refused"] == {})
    assert client.get("/healthz/live").status_code == 200


def test_a_broken_active_version_does_not_keep_the_service_from_starting(serve, model_store, released, home):
    released("compact")
    released("mine")
    model_store.activate("compact", 2, by="test")
    model_store.activate("mine", 1, by="test")
    for weights in (home.data_dir / "blobs" / "models").rglob("model.safetensors"):
        weights.unlink()
    shutil.rmtree(home.model_cache_dir)
    state = ready(serve())
    assert state["models"] == ["compact@1", "sketch@1"]
    assert state["refused"].keys() == {"compact@2", "mine@1"}


def test_without_the_database_the_last_active_version_is_served(serve, model_store, released, home, photo):
    client = serve()
    model_store.activate("compact", released("compact"), by="test")
    wait_for(lambda: model_store.remembered() == {"compact": 2})
    away = serve(database_url="postgresql://nobody@127.0.0.1:9/none")
    assert ready(away)["models"] == ["compact@2", "sketch@1"]
    assert away.post(PAINT, content=photo).content == client.post(PAINT, content=photo).content


@pytest.mark.parametrize("models", [("mine",), ("compact", "mine"), ("compact", "sketch@7")])
def test_a_model_that_is_nowhere_stops_the_start(home, models):
    with pytest.raises(InvalidModel, match=f"There is no model {models[-1]}"):
        create_app(home.model_copy(update={"models": models}))


def broken(models_dir, tmp_path, name):
    """The models, of which one has a weights file that ends too soon."""
    models = shutil.copytree(models_dir, tmp_path / "broken-models")
    weights = models / name / "1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    return models


@pytest.mark.parametrize("models", [("compact", "*"), ("compact", "sketch"), ("compact", "sketch@1")])
def test_a_broken_model_that_is_not_the_default_leaves_the_others_served(serve, models_dir, tmp_path, photo, models):
    client = serve(models_dir=broken(models_dir, tmp_path, "sketch"), models=models)
    state = ready(client)
    assert state["models"] == ["compact@1"]
    assert list(state["refused"]) == ["sketch@1"]
    assert "model.safetensors of sketch@1" in state["refused"]["sketch@1"]
    assert "pastiche_models_refused 1.0" in client.get("/metrics").text
    assert client.post(PAINT, content=photo).status_code == 200
    assert client.post(PAINT + "&model=sketch", content=photo).status_code == 422


def test_a_broken_default_model_stops_the_start(home, models_dir, tmp_path):
    models = broken(models_dir, tmp_path, "compact")
    with pytest.raises(InvalidModel, match=r"model\.safetensors of compact@1"):
        create_app(home.model_copy(update={"models_dir": models}))


def test_a_replaced_version_is_not_kept_in_memory(serve, model_store, released, photo, monkeypatch):
    made = []
    initialise = Stylizer.__init__

    def recorded(self, *args):
        initialise(self, *args)
        made.append(weakref.ref(self))

    monkeypatch.setattr(Stylizer, "__init__", recorded)
    client = serve()
    client.post(PAINT, content=photo)
    for _ in range(2):
        version = released("compact")
        model_store.activate("compact", version, by="test")
        wait_for(lambda version=version: ready(client)["models"][0] == f"compact@{version}")
        client.post(PAINT, content=photo)

    def in_memory():
        gc.collect()
        return sum(stylizer() is not None for stylizer in made)

    wait_for(lambda: in_memory() == 2)
