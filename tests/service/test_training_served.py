"""`pastiche serve` alone: a painting is brought, a style is trained from it, and the service paints in it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
from typing import Any

import httpx
import numpy as np
import pytest
from job_house import QUICK
from PIL import Image
from test_job_routes import README, needs_curl

TOKEN = "0123456789abcdef" * 2
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
# Of a training that takes a second or two, gates apart.
SMALL = {"steps": 6, "batch": 1, "crop": 64, "stroke": 64}
OLD = ("starry_night", "great_wave", "the_scream", "composition_vii")


@pytest.fixture(scope="module")
def server(launch, random_descriptor):
    return launch(
        workers=1,
        worker_threads=1,
        training_threads=1,
        training_niceness=0,
        descriptor=random_descriptor,
        precision="float32",
        admin_token=TOKEN,
        models_follow_seconds=0.1,
        **QUICK,
    )


@pytest.fixture(scope="module")
def astronaut_png(astronaut) -> bytes:
    return png(Image.fromarray(astronaut).resize((96, 96)))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def stripes(width: int) -> bytes:
    y, x = np.mgrid[:120, :160]
    pixels = np.stack([(x + y) // width % 2 * 200, x, 255 - y], axis=2)
    return png(Image.fromarray(pixels.astype(np.uint8)))


def bring(server: Any, title: str, width: int) -> str:
    made = server.client.post("/v1/admin/styles", headers=ADMIN, data={"title": title}, files={"image": stripes(width)})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def train(server: Any, *styles: str, **options: Any) -> str:
    """The path of the job."""
    made = server.client.post(
        "/v1/admin/trainings", headers=ADMIN, json={"mode": "add", "styles": list(styles), **SMALL, **options}
    )
    assert made.status_code == 202, made.text
    return made.headers["Location"]


def job(server: Any, path: str) -> dict[str, Any]:
    return dict(server.client.get(path, headers=ADMIN).json())


def ended(server: Any, path: str) -> dict[str, Any]:
    server.wait_for(lambda: job(server, path)["status"] not in ("queued", "running"))
    return job(server, path)


def paint(server: Any, photo: bytes, style: str) -> httpx.Response:
    return server.client.post(f"/v1/stylize?styles={style}&model=compact&format=png", content=photo)


def model(server: Any) -> dict[str, Any]:
    return dict(server.client.get("/v1/admin/models/compact", headers=ADMIN).json())


def trainer_pid(server: Any) -> int:
    """Of the worker that trains, as it became ready last."""
    names = [line["worker"] for line in server.log if line["event"] == "worker_ready" and line["kinds"] == ["training"]]
    return int(names[-1].split("-")[-2])


def test_a_painting_becomes_a_style_of_the_running_service(server, astronaut_png) -> None:
    before = {style: paint(server, astronaut_png, style) for style in OLD}
    assert {answer.headers["Pastiche-Model"] for answer in before.values()} == {"compact@1"}
    style = bring(server, "Own stripes", 9)
    assert paint(server, astronaut_png, style).status_code == 422
    path = train(server, style)
    with server.client.stream("GET", f"{path}/events", headers=ADMIN) as events:
        told = [line.removeprefix("event: ") for line in events.iter_lines() if line.startswith("event: ")]
    assert told[-1] == "end"
    assert {"status", "progress", "preview"} <= set(told)
    done = job(server, path)
    assert (done["status"], done["facts"]["model"], done["facts"]["active"]) == ("done", "compact@2", True), done
    assert [point["iteration"] for point in done["losses"]] == [1, 2, 3, 4, 5, 6]
    for name, kind in (("result", "image/jpeg"), ("preview", "image/jpeg"), ("loss.png", "image/png")):
        assert server.client.get(f"{path}/{name}", headers=ADMIN).headers["Content-Type"] == kind
    server.wait_for(lambda: model(server)["served_here"] == ["compact@2"])
    painted = paint(server, astronaut_png, style)
    assert (painted.status_code, painted.headers["Pastiche-Model"]) == (200, "compact@2")
    for old, answer in before.items():
        assert paint(server, astronaut_png, old).content == answer.content, old
    assert painted.content not in [answer.content for answer in before.values()]
    assert style in [entry["id"] for entry in server.client.get("/v1/styles").json()["styles"]]
    assert server.client.get(f"/v1/admin/styles/{style}", headers=ADMIN).json()["used_by"] == ["compact@2"]
    assert server.client.delete(f"/v1/admin/styles/{style}", headers=ADMIN).status_code == 409
    actions = [line for line in server.log if line["event"] == "admin_action"]
    assert f"POST /v1/admin/trainings {path.rpartition('/')[2]}" in [
        f"{line['action']} {line.get('job')}" for line in actions
    ]
    assert TOKEN not in json.dumps(server.log)


@needs_curl
def test_the_readmes_first_command_brings_a_style_image_and_has_it_learned(server, tmp_path) -> None:
    [first, second] = re.findall(r"^curl -f .*/v1/(?:admin/styles|stylize\?styles=my_style).*$", README, re.MULTILINE)
    (tmp_path / "style.jpg").write_bytes(stripes(4))
    done = subprocess.run(
        ["sh", "-e"],
        input=first.replace("http://127.0.0.1:8000", server.url),
        env=os.environ | {"PASTICHE_ADMIN_TOKEN": TOKEN},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert f"styles={made['id']}'" in second
    assert job(server, made["links"]["training"])["kind"] == "training"
    server.client.delete(made["links"]["training"], headers=ADMIN)
    assert ended(server, made["links"]["training"])["status"] == "cancelled"


def test_a_cancelled_training_leaves_nothing_and_the_one_behind_it_has_its_turn(server) -> None:
    versions = model(server)["versions"]
    style = bring(server, "Never seen", 5)
    first, second = train(server, style, steps=20_000), train(server, style, steps=20_000)
    server.wait_for(lambda: job(server, first)["losses"])
    assert job(server, second)["queue_position"] == 1
    assert server.client.delete(second, headers=ADMIN).json()["status"] == "cancelled"
    assert server.client.delete(first, headers=ADMIN).status_code == 202
    assert ended(server, first)["status"] == "cancelled"
    assert model(server)["versions"] == versions
    assert server.client.delete(f"/v1/admin/styles/{style}", headers=ADMIN).status_code == 204


def test_a_training_survives_the_death_of_its_worker(server) -> None:
    path = train(server, bring(server, "Hard to kill", 7), steps=80, activate=False)
    server.wait_for(lambda: len(job(server, path)["losses"]) > 5)
    os.kill(trainer_pid(server), signal.SIGKILL)
    done = ended(server, path)
    # More than two where the machine is so busy that a lease passes once more.
    assert done["status"] == "done", done
    assert done["attempt"] >= 2
    assert done["facts"]["active"] is False
    curve = [point["iteration"] for point in done["losses"]]
    assert curve == sorted(set(curve))
    assert curve[-1] == 80
    assert not [line for line in server.log if line["event"].startswith("checkpoint_")]
