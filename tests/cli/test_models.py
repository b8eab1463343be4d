"""`pastiche models`: what is there, and whether it is what was published."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli


@pytest.fixture
def repository(models_dir: Path, tmp_path: Path) -> Path:
    """A copy to be damaged, with compact@1 and the same as compact@2."""
    root = tmp_path / "models"
    shutil.copytree(models_dir / "compact" / "1", root / "compact" / "1")
    shutil.copytree(root / "compact" / "1", root / "compact" / "2")
    manifest = root / "compact" / "2" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 1,', '"version": 2,'))
    return root


def models(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["models", *map(str, arguments)])


def flip_last_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_list_has_a_line_for_each_version(repository: Path) -> None:
    result = models("list", "--models-dir", repository)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == ["compact@1", "compact@2"]
    assert [row[2:] for row in rows] == [["starry_night", "great_wave", "the_scream", "composition_vii"]] * 2


def test_list_goes_on_after_a_broken_manifest(repository: Path) -> None:
    (repository / "compact" / "1" / "manifest.json").write_text("{")
    result = models("list", "--models-dir", repository)
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["compact@2"]
    assert "compact@1" in result.stderr


def test_verify_reads_every_version_and_fails_for_one_changed_bit(repository: Path) -> None:
    assert models("verify", "--models-dir", repository).stdout == "compact@1 is valid.\ncompact@2 is valid.\n"
    flip_last_bit(repository / "compact" / "1" / "model.safetensors")
    result = models("verify", "--models-dir", repository)
    assert (result.exit_code, result.stdout) == (1, "compact@2 is valid.\n")
    assert result.stderr.startswith("pastiche models verify: model.safetensors of compact@1 has another SHA-256")


def test_verify_takes_names(repository: Path) -> None:
    flip_last_bit(repository / "compact" / "1" / "model.safetensors")
    assert models("verify", "compact", "--models-dir", repository).exit_code == 0
    assert models("verify", "compact@1", "--models-dir", repository).exit_code == 1
    assert "There is no model paper." in models("verify", "paper", "--models-dir", repository).stderr


def test_the_repository_of_the_settings_is_the_default(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASTICHE_MODELS_DIR", str(repository))
    assert models("verify").stdout.count("is valid") == 2
    monkeypatch.setenv("PASTICHE_PORT", "none")
    result = models("verify")
    assert (result.exit_code, "PASTICHE_PORT" in result.stderr) == (2, True)


def test_an_empty_repository_has_nothing_to_verify(tmp_path: Path) -> None:
    result = models("verify", "--models-dir", tmp_path)
    assert result.exit_code == 1
    assert "no model" in result.stderr
