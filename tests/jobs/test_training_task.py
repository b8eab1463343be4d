"""The task that trains, run against a context that keeps what it is told."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from training_house import TrainingHouse, write_photos

from app.errors import ModelUnavailable, PhotosUnavailable, TrainingFailed
from app.jobs import training
from app.jobs.context import HandedOver, JobCancelled
from app.jobs.job import JobProgress
from app.jobs.training_release import Maker
from app.model_builds import addition, candidate
from app.model_store.version import VersionStatus
from app.settings import Settings

STYLES = ("starry_night", "great_wave", "the_scream", "composition_vii")


@pytest.fixture
def settings(random_descriptor, models_dir, tmp_path) -> Settings:
    return Settings(
        descriptor=random_descriptor,
        models_dir=models_dir,
        data_dir=tmp_path,
        photos_dir=write_photos(tmp_path / "photos"),
        device="cpu",
        precision="float32",
        training_threads=1,
        job_checkpoint_seconds=0.001,
    )


@pytest.fixture
def house(embedded_desk, settings):
    opened = TrainingHouse(embedded_desk, settings)
    yield opened
    opened.close()


@pytest.fixture
def without_gatys(monkeypatch):
    """Most of a small training's time goes into Gatys' pictures that it is compared with."""
    monkeypatch.setattr(candidate, "judge_paintings", lambda *_: None)


@pytest.fixture
def weighed(monkeypatch):
    """The gates find fault."""

    def refuse(findings, *_):
        findings.reasons.append("The paintings are no good.")

    monkeypatch.setattr(candidate, "judge_paintings", refuse)


def iterations(context):
    return [point["iteration"] for point in context.progress.losses]


def test_a_style_is_added_gated_published_and_made_active(house) -> None:
    context = house.claim(house.ask("own"))
    result = house.task(context)
    facts = result.facts
    assert (facts["model"], facts["status"], facts["active"], facts["forced"]) == ("compact@2", "ready", True, False)
    assert len(facts["figures"]["gatys_equivalents"]["own"]) == 3
    assert house.model_store.active() == {"compact": 2}
    before, after = house.model_store.load("compact@1"), house.model_store.load("compact")
    assert after.manifest.style_ids == (*STYLES, "own")
    assert after.manifest.styles[-1].artist == "Nobody"
    old, new = (load_file(model.folder / "model.safetensors") for model in (before, after))
    for name, tensor in old.items():
        assert torch.equal(tensor, new[name][: len(tensor)] if name.startswith("rows.") else new[name]), name
    state = house.model_store.version("compact", 2)
    [painting] = context.params["paintings"]
    assert (state.report["job"], state.report["paintings"]) == (context.job.id, {"own": painting["sha256"]})
    assert iterations(context) == [1, 2, 3, 4]
    assert context.progress.fraction == 1.0
    shown = house.storage.get(house.desk.now(context.job).preview_key)
    assert (result.media_type, result.data) == ("image/jpeg", shown)
    assert Image.open(io.BytesIO(shown)).width > 100
    assert not list((house.settings.data_dir / "trainings").iterdir())


def test_a_whole_model_is_trained(house, without_gatys) -> None:
    options = {"architecture": "compact", "options": {"widths": [4, 8], "blocks": 1, "fine": 4}}
    result = house.task(house.claim(house.ask("one", "two", mode="full", model="mine", recipe=options)))
    assert (result.facts["model"], result.facts["active"]) == ("mine@1", True)
    model = house.model_store.load("mine")
    assert model.manifest.style_ids == ("one", "two")
    assert "9 photos" in (model.folder / "card.md").read_text()


def test_another_worker_goes_on_where_one_was_stopped(house, without_gatys) -> None:
    job = house.ask("own", recipe={"steps": 6})
    first = house.claim(job)
    report = first.report

    def report_and_stop(fraction, *, iteration, losses, eta_seconds=None):
        report(fraction, iteration=iteration, losses=losses, eta_seconds=eta_seconds)
        if iteration == 3:
            first.stopping.set()

    first.report = report_and_stop
    with pytest.raises(HandedOver):
        house.task(first)
    house.desk.leases.heartbeat(first.job, first.progress)
    house.desk.leases.release(first.job)
    second = house.claim(job)
    assert house.task(second).facts["model"] == "compact@2"
    assert iterations(second) == [1, 2, 3, 4, 5, 6]
    assert second.progress.seconds_per_iteration is not None
    assert house.model_store.load("compact").manifest.additions[-1].recipe["steps"] == 6


def test_a_cancelled_training_leaves_no_version(house) -> None:
    context = house.claim(house.ask("own"))
    context.cancel_requested.set()
    with pytest.raises(JobCancelled):
        house.task(context)
    assert [version.version for version in house.model_store.versions("compact")] == [1]
    assert house.model_store.active() == {}
    assert not list((house.settings.data_dir / "trainings").iterdir())
    assert house.storage.list("models/compact/") == []


def test_one_cancelled_at_its_end_leaves_no_version_either(house, monkeypatch) -> None:
    def cancel(*_):
        context.cancel_requested.set()

    context = house.claim(house.ask("own"))
    monkeypatch.setattr(candidate, "judge_paintings", cancel)
    with pytest.raises(JobCancelled):
        house.task(context)
    assert house.model_store.active() == {}
    assert [version.version for version in house.model_store.versions("compact")] == [1]


def test_what_was_published_before_a_death_is_not_published_again(house, without_gatys, monkeypatch) -> None:
    job = house.ask("own")
    first = house.claim(job)
    with monkeypatch.context() as patched:
        patched.setattr(training.Maker, "activate", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            house.task(first)
    house.desk.leases.heartbeat(first.job, first.progress)
    house.desk.leases.release(first.job)
    second = house.claim(job)
    result = house.task(second)
    assert (result.facts["model"], result.facts["active"]) == ("compact@2", True)
    assert [version.version for version in house.model_store.versions("compact")] == [1, 2]
    assert result.data == house.storage.get(first.progress.preview_key)


def test_a_version_that_does_not_pass_stays_a_candidate_with_its_reasons(house, weighed) -> None:
    result = house.task(house.claim(house.ask("own")))
    assert (result.facts["status"], result.facts["active"]) == ("candidate", False)
    assert result.facts["reasons"] == ["The paintings are no good."]
    assert house.model_store.active() == {}
    state = house.model_store.version("compact", 2)
    assert (state.status, state.reasons) == (VersionStatus.CANDIDATE, ("The paintings are no good.",))


def test_force_makes_it_active_and_is_written_down(house, weighed) -> None:
    result = house.task(house.claim(house.ask("own", force=True)))
    assert (result.facts["status"], result.facts["active"], result.facts["forced"]) == ("candidate", True, True)
    assert house.model_store.activations()["compact"].forced


def test_activation_is_a_choice(house, without_gatys) -> None:
    result = house.task(house.claim(house.ask("own", activate=False)))
    assert (result.facts["status"], result.facts["active"]) == ("ready", False)
    assert house.model_store.active() == {}


def test_a_style_that_came_meanwhile_is_not_lost(house, without_gatys, monkeypatch) -> None:
    """Another version became active while the training ran on the one before."""
    calls = []

    def add(what, folder, watch):
        calls.append(what.base.manifest.label)
        if len(calls) == 1:
            house.task(house.claim(other))
        return addition.add_styles(what, folder, watch)

    other = house.ask("theirs")
    job = house.ask("own")
    context = house.claim(job)
    monkeypatch.setattr(training, "workshop", two_workshops(training.workshop))
    monkeypatch.setattr(training, "add_styles", add)
    result = house.task(context)
    assert calls == ["compact@1", "compact@1", "compact@2"]
    assert result.facts["model"] == "compact@3"
    assert house.model_store.load("compact").manifest.style_ids == (*STYLES, "theirs", "own")


def test_a_style_that_came_between_the_last_look_and_the_activation_is_not_lost(
    house, without_gatys, monkeypatch
) -> None:
    other = house.ask("theirs")
    publish, published = Maker.publish, []

    def publish_late(maker, candidate, folder, base):
        version = publish(maker, candidate, folder, base)
        published.append(version.label)
        if len(published) == 1:
            house.task(house.claim(other))
        return version

    monkeypatch.setattr(training, "workshop", two_workshops(training.workshop))
    monkeypatch.setattr(Maker, "publish", publish_late)
    result = house.task(house.claim(house.ask("own")))
    assert published == ["compact@2", "compact@3", "compact@4"]
    assert (result.facts["model"], result.facts["active"]) == ("compact@4", True)
    assert house.model_store.load("compact").manifest.style_ids == (*STYLES, "theirs", "own")


def two_workshops(workshop):
    """As on two machines."""
    numbers = iter(range(10))

    def own(settings):
        return workshop(settings.model_copy(update={"data_dir": settings.data_dir / str(next(numbers))}))

    return own


def test_a_broken_checkpoint_is_passed_over(house, without_gatys) -> None:
    job = house.ask("own")
    house.storage.put("jobs/broken", b"no checkpoint")
    house.desk.set(job, checkpoint_key="jobs/broken")
    context = house.claim(job)
    house.task(context)
    assert iterations(context) == [1, 2, 3, 4]


def test_a_checkpoint_of_another_training_is_passed_over(house, without_gatys) -> None:
    first = house.claim(house.ask("own", activate=False))
    house.task(first)
    job = house.ask("own", "other", recipe={"steps": 2})
    house.desk.set(job, checkpoint_key=first.progress.checkpoint_key)
    context = house.claim(job)
    house.task(context)
    assert iterations(context) == [1, 2]


def test_what_cannot_be_trained_fails_with_its_reason(house, settings, tmp_path) -> None:
    for job, error, said in (
        (house.ask("great_wave"), TrainingFailed, "compact@1 has a style great_wave already."),
        (house.ask("own", recipe={"content_layer": "relu9_9"}), TrainingFailed, "no layer relu9_9"),
        (house.ask("own", recipe={"no_such": 1}), TrainingFailed, "cannot be used together"),
        (house.ask("own", recipe={"style_weights": {"other": 2.0}}), TrainingFailed, "is not added: other"),
        (house.ask("own", model="absent"), ModelUnavailable, "model"),
        (house.ask("own", model="compact@7"), ModelUnavailable, "model"),
    ):
        with pytest.raises(error) as raised:
            house.task(house.claim(job))
        assert said in raised.value.detail
        assert str(tmp_path) not in raised.value.detail


def test_paintings_must_be_those_that_were_asked_for(house) -> None:
    gone, other = house.ask("gone"), house.ask("other")
    house.storage.delete(gone.params["paintings"][0]["blob_key"])
    house.storage.put(other.params["paintings"][0]["blob_key"], b"another picture")
    for job, said in ((gone, "has been deleted"), (other, "is not the one that was uploaded")):
        with pytest.raises(TrainingFailed, match=said):
            house.task(house.claim(job))


def test_photos_must_be_enough(house, settings, embedded_desk, tmp_path) -> None:
    (tmp_path / "few").mkdir()
    few = TrainingHouse(embedded_desk, settings.model_copy(update={"photos_dir": tmp_path / "few"}))
    with pytest.raises(PhotosUnavailable):
        few.task(few.claim(few.ask("own")))
    with pytest.raises(PhotosUnavailable):
        few.task(few.claim(few.ask("own", mode="full", model="mine")))
    few.close()


def test_the_gates_count_as_progress_without_a_point_on_the_curve(house) -> None:
    context = house.claim(house.ask("own"))
    context.advance(0.9)
    assert (context.progress.fraction, context.progress.losses) == (0.9, [])
    assert isinstance(context.progress, JobProgress)
