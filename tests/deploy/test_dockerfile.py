"""The Dockerfile, linted. `make image-test` builds it; tests/service/test_container.py runs its commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = REPOSITORY / "Dockerfile"


def hadolint(file: Path) -> list[str]:
    """What it finds, of every severity."""
    command = [Path(sys.executable).parent / "hadolint", "--no-color", file]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def test_hadolint_finds_nothing() -> None:
    assert hadolint(DOCKERFILE) == []


def test_hadolint_finds_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM debian\nRUN cd /tmp\n")
    assert {"DL3006", "DL3003"} <= set(re.findall(r"\bDL\d+\b", "\n".join(hadolint(file))))


def test_both_stages_stand_on_one_base_that_a_release_can_pin() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    assert stages == ["${BASE}"] * 2
