"""A style image gets better by a job, and its handle says how far it is."""

from __future__ import annotations

import threading

import pytest
from job_requests import problem
from picture_bytes import pixels

from app.errors import UnknownStyleImage
from app.jobs import refinement
from app.jobs.context import JobCancelled, JobContext
from app.jobs.leases import Leases
from app.jobs.refinement import RefinementTask
from app.storage.blobs import open_storage

ROUTE = "/v1/styles"


@pytest.fixture(scope="module")
def task(studio):
    return RefinementTask(studio.service.settings.model_copy(update={"precision": "float32", "worker_threads": 1}))


@pytest.fixture
def short(monkeypatch):
    """Trainings of a second, on small crops."""
    chosen = refinement.add_recipe
    small = {"batch": 1, "crop": 64, "stroke": 64}
    monkeypatch.setattr(refinement, "add_recipe", lambda base, given: chosen(base, {**given, **small}))


@pytest.fixture
def run(studio, task, short):
    """run(job): what a worker does with the job; returns how it ended."""
    settings = studio.service.settings
    leases = Leases(studio.service.jobs.database, lease_seconds=60, retry_seconds=60, expiry_seconds=60)

    def begin(job_id, cancelled=False):
        claimed = leases.claim(job_id, "hand")
        storage = open_storage(settings.blobs_url)
        context = JobContext(claimed, leases, storage, stopping=threading.Event(), checkpoint_seconds=60)
        if cancelled:
            context.cancel_requested.set()
        result = task(context)
        storage.put("result", result.data)
        return leases.finish(claimed, "result", result.media_type, result.facts)

    return begin


def send(client, data, **query):
    response = client.post(ROUTE, content=data, params=query)
    assert response.status_code in (200, 201), response.text
    return response.json()


def painted(client, photo, handle):
    response = client.post("/v1/stylize", params={"styles": handle, "format": "png"}, content=photo)
    assert response.status_code == 200, response.text
    return response


def job_of(made):
    return made["image"]["refinement"].rpartition("/")[2]


def test_the_handle_stands_for_the_better_row_once_there_is_one(studio, photo, image, run):
    made = send(studio, image(30), refine=1)
    handle, job = made["id"], job_of(made)
    assert made["image"]["stage"] == "refining"
    before = painted(studio, photo, handle)
    ended = run(job)
    assert ended.facts["better"]
    assert ended.facts["after"] < ended.facts["before"]
    assert (ended.facts["style"], ended.facts["model"], ended.media_type) == (handle, "compact@1", "image/jpeg")
    entry = studio.get(f"{ROUTE}/{handle}").json()
    assert (entry["image"]["stage"], job_of(entry)) == ("refined", job)
    after = painted(studio, photo, handle)
    assert after.headers["etag"] != before.headers["etag"]
    assert (pixels(after.content) != pixels(before.content)).any()
    # Sent again, it is still the better one.
    assert send(studio, image(30))["image"]["stage"] == "refined"
    assert painted(studio, photo, handle).headers["etag"] == after.headers["etag"]


def test_a_row_that_is_no_better_is_left_alone(studio, photo, image, run, monkeypatch):
    made = send(studio, image(31), refine=1)
    before = painted(studio, photo, made["id"])
    monkeypatch.setattr("app.model_builds.refinement.totals", lambda *_: (1.0, 1.0))
    assert not run(job_of(made)).facts["better"]
    assert studio.get(f"{ROUTE}/{made['id']}").json()["image"]["stage"] == "encoded"
    assert painted(studio, photo, made["id"]).headers["etag"] == before.headers["etag"]


def test_a_handle_is_refined_later_and_by_one_job_at_a_time(studio, image, run):
    made = send(studio, image(32))
    assert (made["image"]["stage"], made["image"]["refinement"]) == ("encoded", None)
    path = f"{ROUTE}/{made['id']}/refinement"
    first = studio.post(path, params={"seconds": 1})
    assert (first.status_code, first.json()["kind"]) == (202, "refinement")
    assert first.headers["location"] == f"/v1/jobs/{first.json()['id']}"
    again = studio.post(path, params={"seconds": 2})
    assert again.json()["id"] == first.json()["id"]
    assert studio.get(f"{ROUTE}/{made['id']}").json()["image"]["stage"] == "refining"
    assert job_of(send(studio, image(32), refine=1)) == first.json()["id"]
    run(first.json()["id"])
    assert studio.post(path, params={"seconds": 1}).json()["id"] != first.json()["id"]


def test_a_job_that_is_cancelled_leaves_the_handle_as_it_was(studio, image, run):
    made = send(studio, image(33), refine=1)
    studio.delete(made["image"]["refinement"])
    assert studio.get(f"{ROUTE}/{made['id']}").json()["image"]["stage"] == "encoded"
    again = send(studio, image(33), refine=1)
    assert job_of(again) != job_of(made)
    with pytest.raises(JobCancelled):
        run(job_of(again), cancelled=True)


def test_an_image_that_was_deleted_meanwhile_fails_the_job(studio, image, run):
    made = send(studio, image(34), refine=1)
    studio.delete(f"{ROUTE}/{made['id']}")
    with pytest.raises(UnknownStyleImage, match="deleted"):
        run(job_of(made))


def test_what_is_refused(studio, image, connect, encoded_models, tmp_path):
    handle = send(studio, image(35))["id"]
    for seconds in (0, -1, "nan", "x", 4000):
        problem(studio.post(f"{ROUTE}/{handle}/refinement", params={"seconds": seconds}), 422, "invalid-option")
        problem(studio.post(ROUTE, params={"refine": seconds}, content=image(35)), 422, "invalid-option")
    problem(studio.post(f"{ROUTE}/style:{'0' * 32}/refinement"), 404, "not-found")
    problem(studio.post(f"{ROUTE}/starry_night/refinement"), 404, "not-found")
    problem(studio.post(f"{ROUTE}/{handle}/refinement?model=sketch"), 422, "no-style-encoder")
    blind = connect(models_dir=encoded_models, data_dir=tmp_path, descriptor=None)
    problem(blind.post(ROUTE, params={"refine": 1}, content=image(35)), 503, "descriptor-unavailable")
