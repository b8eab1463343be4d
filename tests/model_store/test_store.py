"""Versions are numbered once in the whole fleet, appear whole or not at all, and are the same on every machine."""

from __future__ import annotations

import filecmp
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fleet import Fleet
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from app.errors import LedgerUnavailable, NotFound, StorageUnavailable, VersionRefused
from app.model_store.golden import check_golden, golden_stylizer, paint_golden
from app.model_store.reservations import forget_abandoned
from app.model_store.store import GOLDEN, NotReserved
from app.model_store.version import BaseSuperseded, VersionStatus
from app.model_store.version_rows import VersionRows
from app.registry.error import InvalidModel
from app.registry.repository import describe
from app.sql.database import Database


def test_what_shipped_is_there_without_a_row(fleet):
    assert fleet.model_store.names() == ["compact", "sketch"]
    [state] = fleet.model_store.versions("compact")
    assert (state.label, state.status, state.shipped, state.active) == ("compact@1", VersionStatus.READY, True, False)
    assert state.created_at is not None
    assert (
        fleet.model_store.folder("compact") == fleet.model_store.folder("compact@1") == fleet.shipped / "compact" / "1"
    )
    assert fleet.model_store.active() == {}


def test_a_published_version_is_the_same_on_every_machine(fleet):
    state = fleet.publish("compact", report={"loss": 0.5})
    assert (state.label, state.status, state.report["loss"], state.created_by) == ("compact@2", "ready", 0.5, "test")
    made = fleet.folder / "scratch" / "compact" / "2"
    names = ["manifest.json", "model.safetensors", "previews/starry_night.jpg"]
    for machine in (fleet.model_store, fleet.machine("there")):
        folder = machine.folder("compact@2")
        assert folder != made
        assert filecmp.cmpfiles(folder, made, names, shallow=False) == (names, [], [])
        assert machine.load("compact@2").manifest.label == "compact@2"
        assert [version.label for version in machine.versions("compact")] == ["compact@1", "compact@2"]


def test_a_model_that_never_shipped_has_a_name_and_numbers_from_1(fleet):
    assert fleet.publish("mine").label == "mine@1"
    assert fleet.model_store.names() == ["compact", "mine", "sketch"]
    with pytest.raises(InvalidModel, match="There is no model mine"):
        fleet.model_store.folder("mine")  # nothing of it is active
    fleet.model_store.activate("mine", 1, by="me")
    assert fleet.model_store.load("mine").manifest.label == "mine@1"


def test_numbers_are_unique_over_machines(open_database, tmp_path, models_dir, make_version):
    fleet = Fleet(tmp_path, models_dir, open_database(), make_version)
    machines = [fleet.machine(str(index), open_database()) for index in range(4)]
    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(lambda machine: [machine.reserve("compact") for _ in range(5)], machines))
    assert sorted(number for some in numbers for number in some) == list(range(2, 22))


def test_a_number_is_above_everything_there_is_anything_of(fleet):
    fleet.blobs.put("models/compact/7/0123/model.safetensors", b"of a database that is gone")
    assert fleet.model_store.reserve("compact") == 8
    assert fleet.model_store.reserve("other") == 1
    for name in ("../x", "x/y", "", "X", "a" * 65):
        with pytest.raises(InvalidModel):
            fleet.model_store.reserve(name)


def test_a_reserved_number_is_no_version(fleet):
    assert fleet.model_store.reserve("mine") == 1
    assert "mine" not in fleet.model_store.names()
    assert fleet.model_store.versions("mine") == []
    with pytest.raises(InvalidModel):
        fleet.model_store.folder("mine@1")
    with pytest.raises(NotFound):
        fleet.model_store.activate("mine", 1, by="me")


def test_a_number_is_published_once(fleet):
    fleet.publish("compact")
    with pytest.raises(NotReserved):
        fleet.model_store.publish("compact", 2, fleet.make("compact", 2, seed=1), status=VersionStatus.READY, by="late")
    with pytest.raises(NotReserved):
        fleet.model_store.publish("compact", 3, fleet.make("compact", 3), status=VersionStatus.READY, by="unasked")
    assert len({key.split("/")[3] for key in fleet.blobs.list("models/compact/")}) == 1
    assert fleet.machine("there").load("compact@2")


def test_what_an_earlier_attempt_left_is_deleted_when_the_version_appears(fleet):
    version = fleet.model_store.reserve("compact")
    fleet.blobs.put(f"models/compact/{version}/0123/model.safetensors", b"half of it")
    fleet.model_store.publish("compact", version, fleet.make("compact", version), status=VersionStatus.READY, by="test")
    assert not fleet.blobs.list(f"models/compact/{version}/0123/")
    assert fleet.model_store.load("compact@2")


@pytest.mark.parametrize("files", range(3))
def test_a_storage_that_fails_half_way_leaves_no_version_and_can_be_tried_again(fleet, monkeypatch, files):
    version = fleet.model_store.reserve("compact")
    folder = fleet.make("compact", version)
    put, calls = fleet.blobs.put, iter(range(100))

    def fail(key, data):
        if next(calls) == files:
            raise StorageUnavailable
        put(key, data)

    monkeypatch.setattr(fleet.blobs, "put", fail)
    with pytest.raises(StorageUnavailable):
        fleet.model_store.publish("compact", version, folder, status=VersionStatus.READY, by="test")
    monkeypatch.undo()
    assert [state.label for state in fleet.model_store.versions("compact")] == ["compact@1"]
    fleet.model_store.publish("compact", version, folder, status=VersionStatus.READY, by="test")
    assert fleet.machine("there").load("compact@2")
    assert len({key.split("/")[3] for key in fleet.blobs.list("models/compact/")}) == 1


def test_old_reservations_are_swept_and_young_ones_are_not(fleet):
    fleet.publish("compact")
    fleet.model_store.reserve("compact")
    fleet.blobs.put("models/compact/3/0123/model.safetensors", b"half of it")
    rows = VersionRows(fleet.database)
    assert forget_abandoned(rows, fleet.blobs) == []
    assert forget_abandoned(rows, fleet.blobs, older_than=timedelta(seconds=-1)) == ["compact@3"]
    assert not fleet.blobs.list("models/compact/3/")
    assert fleet.model_store.load("compact@2")
    assert fleet.model_store.reserve("compact") == 3


def test_only_what_is_good_enough_is_activated_unless_it_is_forced(fleet):
    fleet.publish("compact", status=VersionStatus.CANDIDATE, reasons=["the style loss is not finite"])
    with pytest.raises(VersionRefused) as refused:
        fleet.model_store.activate("compact", 2, by="me")
    assert refused.value.extra == {"reasons": ["the style loss is not finite"]}
    assert fleet.model_store.active() == {}
    activation = fleet.model_store.activate("compact", 2, by="me", force=True)
    assert (activation.label, activation.changed_by, activation.forced) == ("compact@2", "me", True)
    assert [(s.active, s.forced) for s in fleet.model_store.versions("compact")] == [(False, False), (True, True)]
    assert fleet.model_store.load("compact").manifest.version == 2


def test_a_shipped_version_is_activated_and_gone_back_to(fleet):
    fleet.publish("compact")
    for version in (2, 1, 2):
        activation = fleet.model_store.activate("compact", version, by="me", force=True)
        assert not activation.forced  # there was nothing to be forced
        assert fleet.model_store.active() == {"compact": version}
        assert fleet.model_store.folder("compact").name == str(version)


@pytest.mark.parametrize(("name", "version"), [("compact", 9), ("missing", 1), ("../compact", 1), ("compact", 0)])
def test_what_there_is_not_is_not_activated(fleet, name, version):
    with pytest.raises(NotFound):
        fleet.model_store.activate(name, version, by="me", force=True)


@pytest.mark.parametrize("reference", ["compact@01", "compact@", "compact@x", "compact@٢", "../x@1", "a/b@1", "@1", ""])
def test_what_is_no_name_is_no_model(fleet, reference):
    with pytest.raises(InvalidModel, match=r"^There is no model "):
        fleet.model_store.folder(reference)


def test_many_activations_at_once_leave_one(open_database, tmp_path, models_dir, make_version):
    fleet = Fleet(tmp_path, models_dir, open_database(), make_version)
    fleet.publish("compact")
    machines = [fleet.machine(str(index), open_database()) for index in range(4)]
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda index: machines[index].activate("compact", 1 + index % 2, by="me"), range(4)))
    assert {activation.version for activation in done} == {1, 2}
    assert fleet.model_store.active()["compact"] in (1, 2)


def test_without_the_database_there_is_what_is_on_this_machine(fleet):
    fleet.publish("compact")
    fleet.publish("mine")
    fleet.model_store.folder("compact@2")
    fleet.model_store.remember({"compact": 2})
    away = Database("postgresql://nobody@127.0.0.1:9/none")
    here, there = fleet.machine("here", away), fleet.machine("there", away)
    assert here.load("compact").manifest.version == 2
    assert there.load("compact").manifest.version == 1
    assert there.load("sketch").manifest.version == 1
    for machine in (here, there):
        with pytest.raises(LedgerUnavailable):
            machine.folder("mine@1")


def test_what_is_remembered_may_be_nonsense(fleet):
    assert fleet.model_store.remembered() == {}
    fleet.model_store.remember({"compact": 1})
    assert fleet.model_store.remembered() == {"compact": 1}
    file = fleet.folder / "here" / "models" / "active.json"
    for content in ("", "[1]", "{", '{"../x": 1, "compact": "1", "sketch": 0, "good": 3, "big": true}'):
        file.write_text(content)
        assert fleet.model_store.remembered() in ({}, {"good": 3})


def test_a_published_version_hides_a_shipped_one_of_its_number(fleet, tmp_path):
    """A program that is installed later may ship a number that was made here before."""
    fleet.publish("compact", seed=1)
    later = Fleet(tmp_path, tmp_path / "later", fleet.database, fleet.make_version, fleet.blobs)
    other = later.make("compact", 2, seed=2)
    (later.shipped / "compact").mkdir(parents=True)
    other.rename(later.shipped / "compact" / "2")
    [state] = later.model_store.versions("compact")
    assert not state.shipped
    assert (later.model_store.folder("compact@2") / "model.safetensors").read_bytes() != (
        later.shipped / "compact" / "2" / "model.safetensors"
    ).read_bytes()


def test_a_cached_copy_that_is_broken_or_of_another_database_is_fetched_again(fleet):
    fleet.publish("compact")
    folder = fleet.model_store.folder("compact@2")
    good = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(good[:-1] + b"\x7f")
    assert (fleet.model_store.folder("compact@2") / "model.safetensors").read_bytes() == good
    (folder / "manifest.json").write_text("{}")
    assert fleet.model_store.load("compact@2")
    assert [path.name for path in folder.parent.iterdir()] == ["2"]


def test_golden_pictures_are_recorded_and_must_be_met(fleet):
    state = fleet.publish("compact", report={"seconds": 1})
    assert state.report["seconds"] == 1
    assert {style: len(cells) for style, cells in state.report[GOLDEN].items()} == {"starry_night": 48, "new_one": 48}
    fleet.model_store.activate("compact", 2, by="me")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tensors: tensors["generator.last.conv.weight"].fill_(65504), None),
        (lambda tensors: (tensors["rows.gamma"].zero_(), tensors["rows.beta"].zero_()), "is of one colour"),
        (lambda tensors: tensors["rows.gamma"].fill_(3e38), "is not finite"),
    ],
    ids=["huge", "grey", "infinite"],
)
def test_what_paints_nothing_is_a_candidate_that_nobody_can_activate(fleet, change, reason):
    version = fleet.model_store.reserve("compact")
    folder = fleet.make("compact", version)
    tensors = load_tensors((folder / "model.safetensors").read_bytes())
    change(tensors)
    content = save_tensors(tensors)
    (folder / "model.safetensors").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.safetensors"] = describe(content).model_dump()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    state = fleet.model_store.publish("compact", version, folder, status=VersionStatus.READY, by="test")
    if reason is None:  # the norm behind a convolution takes any scale away again
        assert state.status is VersionStatus.READY
        return
    assert state.status is VersionStatus.CANDIDATE
    assert reason in state.reasons[0]
    with pytest.raises(VersionRefused) as refused:
        fleet.model_store.activate("compact", version, by="me", force=True)
    assert reason in refused.value.extra["reasons"][0]


def test_golden_pictures_that_changed_are_noticed(fleet):
    fleet.publish("compact", seed=1)
    stylizer = golden_stylizer(fleet.model_store.load("compact@2"))
    recorded = paint_golden(stylizer)
    check_golden(stylizer, recorded)
    near = {style: [cell + 2 for cell in cells] for style, cells in recorded.items()}
    check_golden(stylizer, near)
    for wrong in (
        {style: [255 - cell for cell in cells] for style, cells in recorded.items()},
        {"starry_night": recorded["starry_night"]},
        recorded | {"new_one": recorded["new_one"][:-1]},
        recorded | {"new_one": "the same"},
        recorded | {"new_one": None},
        [1, 2],
        "golden",
    ):
        with pytest.raises(InvalidModel, match="golden picture"):
            check_golden(stylizer, wrong)


def test_a_version_takes_the_place_of_its_base_alone(fleet):
    store = fleet.model_store
    for seed in (5, 6, 7):
        fleet.publish("compact", seed=seed)
    with pytest.raises(BaseSuperseded):
        store.activate("compact", 2, by="me", base=9)  # the shipped one, 1, is served
    store.activate("compact", 2, by="me", base=1)
    with pytest.raises(BaseSuperseded):
        store.activate("compact", 3, by="me", base=1)
    store.activate("compact", 3, by="me", base=2)
    store.activate("compact", 1, by="me")  # an operator goes back, whatever is active
    with pytest.raises(BaseSuperseded):
        store.activate("compact", 4, by="me", base=3)
    assert store.active() == {"compact": 1}


def test_of_many_that_take_the_place_of_one_base_one_does(fleet):
    for seed in (5, 6, 7, 8):
        fleet.publish("compact", seed=seed)

    def take(version):
        try:
            return fleet.model_store.activate("compact", version, by="me", base=1).version
        except BaseSuperseded:
            return None

    with ThreadPoolExecutor(4) as threads:
        taken = [version for version in threads.map(take, (2, 3, 4, 5)) if version is not None]
    assert len(taken) == 1
    assert fleet.model_store.active() == {"compact": taken[0]}
