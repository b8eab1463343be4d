"""Result, preview and loss curve: the right bytes when they are there, and the right problem when they are not."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest
from job_requests import make, problem
from picture_bytes import pixels

from app.api.jobs import plots
from app.api.jobs.loss_plot import draw_losses
from app.errors import Overloaded, StorageUnavailable
from app.jobs.job import attempt_key
from app.storage.seal import sealed


@pytest.fixture
def job(client, photo, painting, worker):
    return worker.claim(make(client, photo, painting)["id"])


def test_before_the_end_there_is_no_result(client, job):
    for name in ("result", "preview", "loss.png"):
        response = client.get(f"/v1/jobs/{job.id}/{name}")
        assert problem(response, 409, "no-result")["job_status"] == "running"
        assert 1 <= int(response.headers["retry-after"]) <= 2


def test_a_job_that_ended_without_a_result_never_has_one(client, job, worker):
    worker.leases.cancelled(job)
    response = client.get(f"/v1/jobs/{job.id}/result")
    assert "cancelled and has no result" in problem(response, 409, "no-result")["detail"]
    assert "retry-after" not in response.headers


def test_the_result_is_what_the_worker_stored(client, job, worker, painting):
    worker.finish(job, painting, "image/webp")
    response = client.get(f"/v1/jobs/{job.id}/result")
    assert (response.content, response.headers["content-type"]) == (painting, "image/webp")
    assert response.headers["cache-control"].startswith("private")
    again = client.get(f"/v1/jobs/{job.id}/result", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("asked", "first", "behind"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=2-5", 2, 6),
        ("bytes=7-", 7, 10),
        ("bytes=7-100", 7, 10),
        ("bytes=-3", 7, 10),
        ("bytes=-100", 0, 10),
    ],
)
def test_a_part_of_the_result(client, job, worker, asked, first, behind):
    worker.finish(job, b"0123456789", "video/mp4")
    response = client.get(f"/v1/jobs/{job.id}/result", headers={"Range": asked})
    assert (response.status_code, response.content) == (206, b"0123456789"[first:behind])
    assert response.headers["content-range"] == f"bytes {first}-{behind - 1}/10"
    assert response.headers["content-length"] == str(behind - first)
    assert (response.headers["content-type"], response.headers["accept-ranges"]) == ("video/mp4", "bytes")
    same = {"Range": asked, "If-Range": response.headers["etag"]}
    assert client.get(f"/v1/jobs/{job.id}/result", headers=same).status_code == 206
    other = client.get(f"/v1/jobs/{job.id}/result", headers={"Range": asked, "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, b"0123456789")
    known = {"Range": asked, "If-None-Match": response.headers["etag"]}
    assert client.get(f"/v1/jobs/{job.id}/result", headers=known).status_code == 304
    head = client.head(f"/v1/jobs/{job.id}/result", headers={"Range": asked})
    assert (head.status_code, head.headers["content-length"]) == (200, "10")


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=5-2", "bytes=", "bytes=-", "pages=1-2", "bytes=a-b", "0-1"])
def test_what_asks_for_no_part_gets_the_whole(client, job, worker, asked):
    worker.finish(job, b"0123456789")
    response = client.get(f"/v1/jobs/{job.id}/result", headers={"Range": asked})
    assert (response.status_code, response.content) == (200, b"0123456789")


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_part_behind_the_end_is_told(client, job, worker, asked):
    worker.finish(job, b"0123456789")
    response = client.get(f"/v1/jobs/{job.id}/result", headers={"Range": asked})
    assert problem(response, 416, "range-not-satisfiable")["size"] == 10
    assert response.headers["content-range"] == "bytes */10"


def test_the_preview_is_the_newest_one(client, job, worker):
    worker.show(job, b"first")
    first = client.get(f"/v1/jobs/{job.id}/preview")
    worker.show(job, b"second")
    second = client.get(f"/v1/jobs/{job.id}/preview", headers={"If-None-Match": first.headers["etag"]})
    assert (first.content, second.content) == (b"first", b"second")
    assert (second.headers["content-type"], second.headers["cache-control"]) == ("image/jpeg", "private, no-cache")


def test_an_expired_job_has_nothing_left(client, job, worker):
    worker.show(job, b"jpeg")
    worker.finish(job, b"png")
    worker.expire(job)
    for name in ("result", "preview"):
        problem(client.get(f"/v1/jobs/{job.id}/{name}"), 410, "result-expired")
    links = client.get(f"/v1/jobs/{job.id}").json()["links"]
    assert (links["result"], links["preview"]) == (None, None)


def test_a_result_that_was_lost_is_gone(client, job, worker):
    worker.finish(job, b"png")
    worker.storage.delete_prefix(f"jobs/{job.id}/")
    problem(client.get(f"/v1/jobs/{job.id}/result"), 410, "result-expired")


def test_a_store_that_is_away_is_no_missing_result(client, job, worker, monkeypatch):
    worker.finish(job, b"png")

    def fail(*_):
        raise StorageUnavailable

    monkeypatch.setattr("app.storage.folder.Folder.get", fail)
    problem(client.get(f"/v1/jobs/{job.id}/result"), 503, "storage-unavailable")


def test_the_loss_curve_is_drawn(client, job, worker):
    worker.advance(job, 5)
    response = client.get(f"/v1/jobs/{job.id}/loss.png")
    assert response.headers["content-type"] == "image/png"
    assert pixels(response.content).shape[:2] == (400, 720)
    same = client.get(f"/v1/jobs/{job.id}/loss.png", headers={"If-None-Match": response.headers["etag"]})
    assert same.status_code == 304
    worker.advance(job, 6)
    other = client.get(f"/v1/jobs/{job.id}/loss.png", headers={"If-None-Match": response.headers["etag"]})
    assert other.status_code == 200
    assert other.content != response.content


@pytest.mark.parametrize(
    "losses",
    [
        [{"iteration": 1, "total": 2.0}],
        [{"iteration": 1, "total": 0.0}, {"iteration": 2, "total": -1.0}],
        [{"iteration": 1}],
        [{"iteration": 1, "total": 1e-38}, {"iteration": 10**9, "style": 3e38}],
        [{"iteration": 1, "scale": 0.25, "total": 2.0}],
    ],
)
def test_any_series_can_be_drawn(losses):
    assert pixels(draw_losses(losses, "$ % _ a title")).shape[:2] == (400, 720)


def test_a_picture_that_is_not_what_was_written_is_never_answered(client, job, worker):
    key = sealed(attempt_key(job, "result"), b"a whole picture")
    worker.storage.put(key, b"a whole picture")
    worker.leases.preview(job, key)
    worker.leases.finish(job, key, "image/png", {})
    for name in ("result", "preview"):
        assert client.get(f"/v1/jobs/{job.id}/{name}").content == b"a whole picture"
    for damaged in (b"a whole pict", b"", b"another picture"):
        worker.storage.put(key, damaged)
        for name in ("result", "preview"):
            problem(client.get(f"/v1/jobs/{job.id}/{name}"), 500, "picture-damaged")


def test_equal_plots_are_drawn_once_and_only_so_many_wait(monkeypatch):
    drawn, may_draw = [], threading.Event()

    def draw(losses, title):
        assert may_draw.wait(60)
        drawn.append(title)
        return title.encode()

    monkeypatch.setattr(plots, "draw_losses", draw)

    async def ask():
        desk = plots.Plots()
        same = [asyncio.create_task(desk.draw("job", '"1"', [])) for _ in range(60)]
        others = [asyncio.create_task(desk.draw(f"job {n}", '"1"', [])) for n in range(plots.MAX_WAITING)]
        [refused] = await asyncio.gather(others[-1], return_exceptions=True)
        may_draw.set()
        answers = await asyncio.gather(*same, *others[:-1])
        again = await desk.draw("job", '"1"', [])
        desk.stop()
        return refused, answers, again

    refused, answers, again = asyncio.run(ask())
    assert isinstance(refused, Overloaded)
    assert set(answers[:60]) == {b"job"} == {again}
    assert drawn.count("job") == 1
    assert len(drawn) == plots.MAX_WAITING


DRAWN = """
import sys, tempfile
from pathlib import Path
from app.errors import StorageUnavailable
from app.settings.environment import let_matplotlib_write
def refuse(*_, **__):
    raise OSError(30, "Read-only file system")
tempfile.mkdtemp = refuse
let_matplotlib_write(Path(sys.argv[1]))
from app.api.jobs.loss_plot import draw_losses
try:
    assert draw_losses([{"iteration": 1, "total": 1.0}], "a job").startswith(bytes([137]) + b"PNG")
except StorageUnavailable as error:
    print(error.detail)
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("data", ""),
        (
            "file/data",
            "The plot cannot be drawn, since this service has no folder that it can write to. The job itself has the "
            "losses as numbers.",
        ),
    ],
)
def test_losses_are_drawn_where_neither_home_nor_tmp_can_be_written(tmp_path, folder, said):
    nowhere = tmp_path / "file"
    nowhere.write_bytes(b"")
    environment = {"PATH": os.environ["PATH"], "HOME": str(nowhere), "XDG_CACHE_HOME": str(nowhere)}
    command = [sys.executable, "-c", DRAWN, str(tmp_path / folder)]
    done = subprocess.run(command, env=environment, check=True, timeout=600, capture_output=True, text=True)
    assert done.stdout.strip() == said
    assert (tmp_path / "data" / "matplotlib").exists() == (folder == "data")
