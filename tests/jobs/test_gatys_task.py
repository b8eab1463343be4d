"""The task that optimises a picture, run against a context that keeps what it is told."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.errors import DescriptorUnavailable
from app.jobs.context import HandedOver, JobContext
from app.jobs.gatys import Gatys, check_descriptor, read_descriptor, unpack
from app.jobs.job import Job, input_key
from app.jobs.stylize import Stylize, Stylizers
from app.registry.descriptors import publish_descriptor
from app.settings import Settings
from app.storage.folder import Folder
from app.training.distillation import untrained_slim

QUICK = {"size": 48, "iterations": 8, "scales": 2, "tolerance": 0.0, "precision": "float32"}


@pytest.fixture
def settings(random_descriptor: Path, models_dir: Path, tmp_path: Path) -> Settings:
    return Settings(
        descriptor=random_descriptor,
        models_dir=models_dir,
        data_dir=tmp_path,
        device="cpu",
        precision="float32",
        worker_threads=1,
    )


@pytest.fixture
def storage(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "blobs")


@pytest.fixture
def start(embedded_desk, storage: Folder, settings: Settings, photos: Path):
    """Claim a job with these params; `photo`, `content` and `style-0` are there."""

    def begin(**params) -> JobContext:
        job = embedded_desk.create(kind="gatys", params=params)
        with Image.open(photos / "chelsea.png") as photo:
            for name, size in (
                ("photo", (64, 48)),
                ("content", (64, 48)),
                ("style-0", (40, 60)),
                ("style-1", (30, 30)),
            ):
                file = io.BytesIO()
                photo.convert("RGB").resize(size).save(file, "png")
                storage.put(input_key(job.id, name), file.getvalue())
        return claim(job)

    def claim(job: Job) -> JobContext:
        claimed = embedded_desk.leases.claim(job.id, "w")
        return JobContext(claimed, embedded_desk.leases, storage, stopping=threading.Event(), checkpoint_seconds=0.001)

    begin.claim = claim
    return begin


def gatys(settings: Settings) -> Gatys:
    return Gatys(settings, Stylizers(settings))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_painting_has_the_size_and_format_asked_for_and_tells_how_it_came_about(settings, start) -> None:
    context = start(options=QUICK, weights=[1.0], format="png")
    result = gatys(settings)(context)
    assert (opened(result.data).format, opened(result.data).size, result.media_type) == ("PNG", (48, 36), "image/png")
    assert result.facts | {"seconds": 0} == {
        "width": 48,
        "height": 36,
        "iterations": 8,
        "seconds": 0,
        "stopped_by": "iterations",
    }
    curve = context.progress.losses
    assert [point["iteration"] for point in curve] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert curve[-1]["total"] < curve[4]["total"]
    assert context.progress.fraction == 1.0


def test_a_preview_and_a_checkpoint_are_there_on_the_way(settings, start, storage, embedded_desk) -> None:
    context = start(options=QUICK, weights=[2.0, 1.0])
    gatys(settings)(context)
    assert opened(storage.get(embedded_desk.now(context.job).preview_key)).size == (48, 36)
    embedded_desk.leases.heartbeat(context.job, context.progress)
    embedded_desk.leases.release(context.job)
    assert unpack(start.claim(context.job).last_checkpoint()).state["iteration"] == 8


def test_another_worker_goes_on_where_one_was_stopped(settings, start, embedded_desk) -> None:
    first = start(options=QUICK, weights=[1.0])
    first.stopping.set()
    with pytest.raises(HandedOver):
        gatys(settings)(first)
    assert [point["iteration"] for point in first.progress.losses] == [1]
    embedded_desk.leases.heartbeat(first.job, first.progress)
    embedded_desk.leases.release(first.job)
    second = start.claim(first.job)
    gatys(settings)(second)
    assert [point["iteration"] for point in second.progress.losses] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("packed", [b"", b"no checkpoint", b"\0" * 64], ids=["empty", "text", "zeros"])
def test_a_broken_checkpoint_is_passed_over(settings, start, storage, embedded_desk, packed: bytes) -> None:
    first = start(options=QUICK, weights=[1.0])
    storage.put("jobs/broken", packed)
    embedded_desk.set(first.job, checkpoint_key="jobs/broken", status="queued")
    result = gatys(settings)(start.claim(first.job))
    assert result.facts["iterations"] == 8


def test_it_can_start_from_a_generators_picture(settings, start) -> None:
    begin = {"model": "compact@1", "blend": {"starry_night": 1.0}}
    context = start(options={**QUICK, "start": "picture"}, weights=[1.0], start=begin)
    assert opened(gatys(settings)(context).data).size == (48, 36)


def test_without_a_loss_network_there_is_nothing_to_optimise_with(settings, tmp_path: Path) -> None:
    with pytest.raises(DescriptorUnavailable):
        check_descriptor(settings.model_copy(update={"descriptor": None}))
    with pytest.raises(DescriptorUnavailable):
        check_descriptor(settings.model_copy(update={"descriptor": tmp_path / "absent"}))


def test_the_newest_loss_network_of_the_models_is_the_default_and_verified(settings, tmp_path: Path) -> None:
    shipped = settings.model_copy(update={"descriptor": None, "models_dir": tmp_path})
    for seed in (1, 2):
        slim = untrained_slim((4, 4, 4, 4, 4), {}, seed)
        publish_descriptor(tmp_path, "slim", slim, teachers=(), recipe={}, metrics={}, card="")
    check_descriptor(shipped)
    newest = untrained_slim((4, 4, 4, 4, 4), {}, 2).half().float().state_dict()
    for name, tensor in read_descriptor(shipped).state_dict().items():
        assert torch.equal(tensor, newest[name])
    weights = tmp_path / "slim" / "2" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(b"broken")
    for use in (read_descriptor, check_descriptor):
        with pytest.raises(DescriptorUnavailable):
            use(shipped)
    weights.write_bytes(whole)
    check_descriptor(shipped)


def test_a_painting_of_the_fast_path_is_the_one_of_its_options(settings, start) -> None:
    options = {"model": "compact@1", "blend": {"starry_night": 1.0}, "size": 40, "format": "png"}
    painted = Stylize(settings, Stylizers(settings))(start(**options))
    photo = Stylize(settings, Stylizers(settings))(start(**options, strength=0.0))
    assert opened(painted.data).size == opened(photo.data).size == (40, 30)
    assert not np.array_equal(opened(painted.data), opened(photo.data))
    assert painted.facts == {"model": "compact@1", "width": 40, "height": 30}


def test_a_job_paints_the_strokes_that_the_fast_path_paints(settings, start) -> None:
    options = {"model": "compact@1", "blend": {"starry_night": 1.0}, "format": "png"}
    task = Stylize(settings, Stylizers(settings))
    small = opened(task(start(**options, size=32)).data)
    photo = opened(task(start(**options, strength=0.0)).data)
    large = opened(task(start(**options, stroke=2.0)).data)
    # 64 x 48 made smaller while decoding is what it is made smaller after it.
    assert np.array_equal(large, small.resize(photo.size, Image.Resampling.LANCZOS))
    assert opened(task(start(**options, stroke=0.5)).data).size == photo.size == (64, 48)
    assert task(start(**options, stroke=1.0)).data == task(start(**options)).data


def test_a_job_paints_a_large_picture_tells_how_far_it_is_and_hands_it_over_when_it_is_to_stop(settings, start) -> None:
    narrow = settings.model_copy(update={"edge_pixels": 48, "network_edge_pixels": 48, "large_edge_pixels": 200})
    options = {"model": "compact@1", "blend": {"starry_night": 1.0}, "size": 200, "format": "png"}
    task = Stylize(narrow, Stylizers(narrow))
    context = start(**options)
    result = task(context)
    assert opened(result.data).size == (200, 150)
    assert result.facts == {"model": "compact@1", "width": 200, "height": 150}
    assert context.progress.fraction == 1
    stopped = start(**options)
    stopped.stopping.set()
    with pytest.raises(HandedOver):
        task(stopped)
