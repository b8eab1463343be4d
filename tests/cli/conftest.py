"""The command as a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Shell = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def shell(models_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """Runs `pastiche` in an empty folder, with the test models."""
    monkeypatch.setenv("PASTICHE_MODELS_DIR", str(models_dir))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=600)

    return run
