"""The chart's pods, configuration and volumes, run by `podman kube play`: migration, server, worker and trainer."""

from __future__ import annotations

import io
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import containers
import httpx
import pods
import psycopg
import pytest
import yaml
from PIL import Image

NETWORK = ("--network", "host")
HOST = os.environ.get("PGHOST", "127.0.0.1")
USER = os.environ.get("PGUSER", "postgres")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """URL of a database of its own."""
    name = f"pastiche_{secrets.token_hex(6)}"
    try:
        server = psycopg.connect(host=HOST, user=USER, dbname="postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError:
        pytest.skip(f"no PostgreSQL at {HOST}; PGHOST and PGUSER name another one")
    with server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"postgresql://{USER}@{HOST}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def values(image: str) -> dict[str, Any]:
    [name, *_] = containers.inspect(image)["RepoTags"]
    repository, _, tag = name.rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
        "secret": {"redisUrl": ""},
        "storage": {"claim": pods.BLOBS},
        "settings": {"PORT": str(containers.free_port())},
        "api": {"drainSeconds": 3},
        "autoscaling": {"by": "none"},
    }


@pytest.fixture(scope="module")
def url(values: dict[str, Any], database: str, folder: Path, figures: list[str]) -> Iterator[str]:
    """Of the server, when it is ready."""
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    manifests = pods.rendered(folder / "values.yaml")
    config = [manifest for manifest in manifests if manifest["kind"] == "ConfigMap"]
    [migration] = [pods.pod_of(manifest) for manifest in manifests if manifest["kind"] == "Job"]
    others = [pods.pod_of(manifest) for manifest in manifests if manifest["kind"] == "Deployment"]
    secret = {"database-url": database}
    first = [pods.claim(), *pods.playable(migration, secret)]
    then = config + [part for pod in others for part in pods.playable(pod, secret)]
    (folder / "first.yaml").write_text(yaml.safe_dump_all(first))
    (folder / "then.yaml").write_text(yaml.safe_dump_all(then))
    try:
        containers.run("podman", "kube", "play", *NETWORK, str(folder / "first.yaml"))
        assert containers.run("podman", "wait", container("migration")) == "0", logs("migration")
        began = time.monotonic()
        containers.run("podman", "kube", "play", *NETWORK, str(folder / "then.yaml"))
        address = f"http://127.0.0.1:{values['settings']['PORT']}"
        containers.until(lambda: workers(address) == {"training": 1, "stylize": 1}, lambda: logs("api"))
        figures.append(f"pods ready, with a worker and a trainer, after {time.monotonic() - began:.1f} s")
        yield address
    finally:
        clean_up()


def container(part: str) -> str:
    return f"{pods.RELEASE}-{part}-{part}"


def exit_code(part: str) -> str:
    return containers.run("podman", "inspect", "--format", "{{.State.ExitCode}}", container(part))


def logs(part: str) -> str:
    return containers.run("podman", "logs", container(part), check=False)[-3000:]


def clean_up() -> None:
    for part in ("api", "worker", "trainer", "migration"):
        containers.run("podman", "pod", "rm", "--force", "--time", "10", f"{pods.RELEASE}-{part}", check=False)
    volumes = containers.run("podman", "volume", "ls", "--quiet").splitlines()
    for volume in volumes:
        if volume.startswith(f"{pods.RELEASE}-"):
            containers.run("podman", "volume", "rm", "--force", volume)
    # podman makes one for the network of a pod.
    for image in containers.run("podman", "images", "--quiet", "localhost/podman-pause").splitlines():
        containers.run("podman", "rmi", image, check=False)


def workers(url: str) -> dict[str, int]:
    """Of two kinds, as readiness tells them; none while it does not answer."""
    with suppress(httpx.TransportError):
        answer = httpx.get(f"{url}/healthz/ready")
        if answer.status_code == 200:
            return {kind: answer.json()["workers"][kind] for kind in ("training", "stylize")}
    return {}


def test_a_job_goes_from_the_server_to_the_worker_and_back(url: str) -> None:
    file = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(file, "png")
    asked = {"Prefer": "respond-async"}
    made = httpx.post(f"{url}/v1/stylize?styles=great_wave", content=file.getvalue(), headers=asked, timeout=60)
    assert made.status_code == 202, made.text
    job = f"{url}{made.headers['location']}"
    containers.until(lambda: httpx.get(job).json()["status"] in ("done", "failed"), lambda: logs("worker"))
    result = httpx.get(f"{job}/result")
    assert result.status_code == 200, httpx.get(job).text
    assert Image.open(io.BytesIO(result.content)).size == (256, 256)


@pytest.mark.parametrize("part", ["api", "worker", "trainer"])
def test_a_pod_has_the_rights_that_the_chart_gives_it(url: str, values: dict[str, Any], part: str) -> None:
    [told] = json.loads(containers.run("podman", "inspect", container(part)))
    assert told["HostConfig"]["ReadonlyRootfs"] is True
    assert told["Config"]["User"] == "10001:10001"
    assert "no-new-privileges" in told["HostConfig"]["SecurityOpt"]
    assert told["HostConfig"]["Memory"] == (6 if part == "trainer" else 4) * 2**30
    status = containers.run("podman", "exec", container(part), "cat", "/proc/1/status")
    assert [line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapBnd"))] == ["0" * 16] * 2


def test_a_server_that_is_to_end_fails_its_readiness_and_still_answers(url: str) -> None:
    # Killed, it would be started again, as its pod asks for.
    with subprocess.Popen(["podman", "stop", "--time", "50", container("api")]) as stopping:
        containers.until(lambda: httpx.get(f"{url}/healthz/ready").status_code == 503, lambda: logs("api"))
        assert httpx.get(f"{url}/v1/styles").status_code == 200
        assert stopping.wait(containers.PATIENCE_SECONDS) == 0
    assert exit_code("api") in ("0", "143")


@pytest.mark.parametrize("part", ["worker", "trainer"])
def test_a_worker_ends_when_it_is_told_to(url: str, part: str) -> None:
    containers.run("podman", "stop", "--time", "30", container(part))
    assert exit_code(part) in ("0", "143")
