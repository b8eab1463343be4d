"""The container files, without a container engine: their commands run as plain processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest
import yaml

from app.server.config import SHUTDOWN_MARGIN_SECONDS
from app.settings import Settings

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 600
STOP_SECONDS = 60


def instructions() -> list[tuple[str, str]]:
    """(FROM, ...), (COPY, ...) and so on, of the whole Dockerfile, without comments and line breaks."""
    text = re.sub(r"^#.*\n", "", (REPOSITORY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines if line.strip())]


def final_stage() -> dict[str, str]:
    """Instruction -> argument of the last stage; the last one where an instruction comes twice."""
    parsed = instructions()
    start = max(index for index, (name, _) in enumerate(parsed) if name == "FROM")
    return dict(parsed[start:])


@pytest.fixture
def environment(models_dir: Path, tmp_path: Path) -> dict[str, str]:
    """The image's variables, with this virtual environment in the place of the image's, and the test models."""
    variables = dict(pair.split("=", 1) for pair in shlex.split(final_stage()["ENV"]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return variables | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PASTICHE_PORT": str(port),
        "PASTICHE_MODELS_DIR": str(models_dir),
        "PASTICHE_DEVICE": "cpu",
        "PASTICHE_DATA_DIR": str(tmp_path / "data"),
    }


def test_the_images_commands_serve_and_tell_of_their_health(environment: dict[str, str], photos: Path) -> None:
    stage = final_stage()
    command = json.loads(stage["CMD"])
    check = json.loads(stage["HEALTHCHECK"].partition("CMD ")[2])

    def healthy() -> bool:
        return subprocess.run(check, env=environment, capture_output=True, check=False, timeout=600).returncode == 0

    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not healthy():
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server is not ready"
            time.sleep(0.2)
        answer = httpx.post(
            f"http://127.0.0.1:{environment['PASTICHE_PORT']}/v1/stylize?styles=starry_night",
            content=(photos / "coffee.png").read_bytes(),
            headers={"Content-Type": "image/png"},
            timeout=600,
        )
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
        server.send_signal(signal.SIGTERM)
        assert server.wait(STOP_SECONDS) in (0, -signal.SIGTERM)
        assert not healthy()
    finally:
        server.kill()
        server.wait()


def test_the_image_has_no_root_and_no_compiler() -> None:
    parsed = instructions()
    # By number, which is all that Kubernetes' runAsNonRoot looks at.
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", final_stage()["USER"])
    assert all(rest.split()[0] == "${BASE}" for name, rest in parsed if name == "FROM")
    assert "slim" in next(rest for name, rest in parsed if name == "ARG")
    assert not any("apt-get" in rest for name, rest in parsed if name == "RUN")


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    rules = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    allowed = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [shlex.split(rest)[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    for source in (path for paths in copied for path in paths):
        assert (REPOSITORY / source).exists()
        assert any(fnmatch(source, rule) or source.startswith(f"{rule}/") for rule in allowed), source


@pytest.mark.parametrize("name", ["docker-compose.yml", "docker-compose.simple.yml"])
def test_compose_takes_rights_away_and_waits_for_requests_in_flight(name: str) -> None:
    services = yaml.safe_load((REPOSITORY / name).read_text())["services"].values()
    ours = [service for service in services if service["image"] == "pastiche"]
    assert ours
    for service in ours:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        if service.get("command", ["pastiche", "serve"]) == ["pastiche", "serve"]:
            grace_seconds = int(service["stop_grace_period"].removesuffix("s"))
            needed = Settings.model_fields["drain_seconds"].default + Settings.model_fields["deadline_seconds"].default
            assert grace_seconds >= needed + SHUTDOWN_MARGIN_SECONDS


def test_nobody_is_started_before_what_it_needs_is_healthy() -> None:
    services = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] in ("service_healthy", "service_completed_successfully"), name
            checked = "healthcheck" in services[other] and "disable" not in services[other]["healthcheck"]
            assert checked or wanted["condition"] == "service_completed_successfully", other
    assert {name for name, service in services.items() if "ports" in service} == {"nginx"}
