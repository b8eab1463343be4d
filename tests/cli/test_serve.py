"""`pastiche serve` that cannot start: one sentence on stderr, no traceback."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from pathlib import Path

import pytest

ABSENT_DEVICE = "cuda" if sys.platform == "darwin" else "mps"


def said(done) -> str:
    """On stderr; the log on stdout may tell more, after what was found of the machine."""
    for logged in map(json.loads, done.stdout.splitlines()):
        assert logged["level"] == ("info" if logged["event"] == "machine" else "error")
    [line] = done.stderr.decode().splitlines()
    return line


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PASTICHE_PORT", "http"), ("PASTICHE_DEADLINE_SECONDS", "-1"), ("PASTICHE_DEVICE", ABSENT_DEVICE)],
)
def test_a_bad_setting_is_named(shell, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    done = shell("serve")
    assert done.returncode == 2
    assert said(done).startswith(f"pastiche serve: {variable}: ")


def test_a_missing_model_is_named(shell, tmp_path: Path) -> None:
    done = shell("serve", "--models-dir", tmp_path)
    assert done.returncode == 1
    assert said(done).startswith("pastiche serve: There is no model compact")


def test_a_damaged_model_is_named(shell, models_dir: Path, tmp_path: Path) -> None:
    models = shutil.copytree(models_dir, tmp_path / "models")
    weights = models / "compact" / "1" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = shell("serve", "--models-dir", models)
    assert done.returncode == 1
    assert "compact@1" in said(done)


@pytest.mark.parametrize("command", ["migrate", "worker", "serve"])
def test_a_database_that_is_none_is_named(shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("PASTICHE_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "jobs.sqlite").write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    done = shell(command)
    assert done.returncode == 1
    assert said(done).startswith(f"pastiche {command}: {tmp_path}/data/jobs.sqlite is no SQLite database")


def test_a_port_that_is_taken_is_named_and_nothing_is_said_to_have_started(shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = shell("serve", "--host", "127.0.0.1", "--port", port)
    assert done.returncode == 2
    line = done.stderr.decode()
    assert line.startswith(f"pastiche serve: PASTICHE_HOST, PASTICHE_PORT: cannot listen on http://127.0.0.1:{port} ")
    assert line.count("\n") == 1
    assert b"listening" not in done.stdout


def test_the_version_is_an_option_too(shell) -> None:
    assert shell("--version").stdout == shell("version").stdout


def test_a_variable_that_is_no_setting_is_warned_of(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_WORKER", "2")
    monkeypatch.setenv("PASTICHE_PORT", "tcp://10.0.0.7:8000")
    done = shell("version")
    assert done.returncode == 0
    assert (
        done.stderr.decode() == "pastiche: warning: PASTICHE_WORKER is not a setting; did you mean PASTICHE_WORKERS?\n"
    )
