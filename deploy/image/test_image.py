"""The image as it is built and run: its size, its user, what is in it, and the service on a read-only file system."""

from __future__ import annotations

import io
import json
import re
import subprocess
import time
from collections.abc import Iterator

import containers
import httpx
import pytest
from PIL import Image

MOST_BYTES = 1.2e9
MOST_SECONDS = 8.0
RIGHTS = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "all", "--security-opt", "no-new-privileges"),
    *("--memory", "4g", "--pids-limit", "256"),
)
ENVIRONMENT = {"PASTICHE_DRAIN_SECONDS": "1"}


def shown(image: str, code: str) -> str:
    """What a line of Python prints in the image."""
    return containers.run(
        "podman", "run", "--rm", "--no-healthcheck", "--network", "none", *RIGHTS, image, "python", "-c", code
    )


def test_it_is_small_enough(image: str, figures: list[str]) -> None:
    size = containers.inspect(image)["Size"]
    figures.append(f"size {size / 1e9:.2f} GB")
    assert size < MOST_BYTES


def test_it_names_its_user_by_number_and_keeps_its_health_check(image: str) -> None:
    told = containers.inspect(image)
    # Kubernetes' runAsNonRoot refuses a name.
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", told["User"])
    assert told["Config"]["Volumes"].keys() == {"/data"}
    check = told["Healthcheck"]
    assert check["Test"] == ["CMD", "python", "-m", "app.healthcheck"]
    assert check["StartPeriod"] == 60e9


def test_it_has_no_compiler_and_no_installer(image: str) -> None:
    code = "import shutil; print(*filter(shutil.which, ('cc', 'gcc', 'make', 'pip', 'git', 'curl')))"
    assert shown(image, code) == ""


def test_it_runs_without_root_and_without_any_capability(image: str) -> None:
    told = shown(image, "import os; print(os.getuid(), os.getgid(), open('/proc/self/status').read())")
    assert told.startswith("10001 10001 ")
    assert re.findall(r"^(?:CapEff|CapPrm|CapBnd):\s*(\w+)$", told, re.MULTILINE) == ["0" * 16] * 3


def test_its_list_of_parts_has_exactly_the_packages_that_are_in_it(image: str) -> None:
    parts = json.loads(shown(image, "print(open('sbom.cdx.json').read())"))["components"]
    code = "import importlib.metadata as m; [print(d.metadata['Name'], d.version) for d in m.distributions()]"
    there = dict(line.split() for line in shown(image, code).splitlines())
    assert {part["name"]: part["version"] for part in parts} == there
    del there["pastiche-service"]
    pinned = {line.partition(";")[0] for line in (containers.REPOSITORY / "constraints.txt").read_text().splitlines()}
    # torch says which build it is: 2.13.0+cpu.
    assert {f"{name}=={version.partition('+')[0]}" for name, version in there.items()} <= pinned


def test_nothing_that_a_server_or_worker_imports_is_compiled_at_its_start(image: str) -> None:
    code = (
        "import sys, os, importlib.util, app.main, app.jobs.worker, app.jobs.tasks, app.cli.serve\n"
        "files = {getattr(module, '__file__', None) or '' for module in list(sys.modules.values())}\n"
        "sources = [file for file in files if file[:1] == '/' and file.endswith('.py')]\n"
        "print(len(sources) > 1000, *[f for f in sources if not os.path.exists(importlib.util.cache_from_source(f))])"
    )
    assert shown(image, code) == "True"


@pytest.fixture(scope="module")
def url(image: str, figures: list[str]) -> Iterator[str]:
    """Of a server with an empty volume, when it is ready."""
    port = containers.free_port()
    name = "pastiche-test-server"
    began = time.monotonic()
    settings = [f"--env={key}={value}" for key, value in (ENVIRONMENT | {"PASTICHE_PORT": str(port)}).items()]
    # Without systemd, podman cannot run the health check in intervals; a test runs it.
    containers.run(
        *("podman", "run", "--detach", "--name", name, "--network", "host", "--no-healthcheck", "--volume", "/data"),
        *(*RIGHTS, *settings, image),
    )
    try:
        address = f"http://127.0.0.1:{port}"
        containers.until(lambda: ready(address), lambda: containers.run("podman", "logs", name))
        seconds = time.monotonic() - began
        figures.append(f"ready {seconds:.1f} s after podman run, with {cpu_seconds(address):.1f} s of CPU time")
        yield address
    finally:
        containers.run("podman", "rm", "--force", "--volumes", "--time", "10", name)


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz/ready").status_code == 200
    except httpx.TransportError:
        return False


def cpu_seconds(url: str) -> float:
    [told] = re.findall(r"^process_cpu_seconds_total (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    return float(told)


def test_it_is_ready_soon(url: str) -> None:
    # Its own work, which is the same on a busy machine; on an idle one, the time on the clock is no longer.
    assert cpu_seconds(url) < MOST_SECONDS


def test_it_paints(url: str) -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, "png")
    answer = httpx.post(f"{url}/v1/stylize?styles=starry_night", content=file.getvalue(), timeout=60)
    assert answer.status_code == 200, answer.text
    assert Image.open(io.BytesIO(answer.content)).size == (256, 256)


def test_its_health_check_and_its_stop(url: str, image: str) -> None:
    name = "pastiche-test-server"
    check = containers.inspect(image)["Healthcheck"]["Test"][1:]
    assert subprocess.run(["podman", "exec", name, *check], check=False).returncode == 0
    began = time.monotonic()
    containers.run("podman", "stop", "--time", "45", name)
    assert time.monotonic() - began < 20
    assert containers.run("podman", "inspect", "--format", "{{.State.ExitCode}}", name) in ("0", "143")
