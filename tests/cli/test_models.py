"""`pastiche models`: what is there, and whether it is what was published."""

from __future__ import annotations

import shutil
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

from app.cli import cli
from app.model_store.store import open_model_store
from app.model_store.version import VersionStatus
from app.nets.descriptor import Descriptor, load_descriptor
from app.nets.style_encoder import StyleEncoder
from app.registry.descriptors import publish_descriptor
from app.registry.encoders import publish_encoder
from app.registry.repository import Repository
from app.settings import Settings, load_settings


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
    assert [row[2:4] for row in rows] == [["ready", "-"], ["ready", "active"]]
    assert [row[4:] for row in rows] == [["starry_night", "great_wave", "the_scream", "composition_vii"]] * 2


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


def test_style_encoders_are_verified_too(repository: Path, random_descriptor: Path) -> None:
    publish_descriptor(
        repository, "eye", load_descriptor(load_file(random_descriptor)), teachers=(), recipe={}, metrics={}, card=""
    )
    model = Repository(repository).load("compact@1")
    encoder = StyleEncoder({"relu1_1": 6}, model.generator.features, rank=2, hidden=4, bottleneck=2)
    publish_encoder(repository, "reads", encoder, model, network="eye", stroke=64, recipe={}, metrics={}, card="")
    assert models("verify", "--models-dir", repository).stdout.splitlines()[-1] == "reads@1 is valid."
    assert models("verify", "reads", "--models-dir", repository).stdout == "reads@1 is valid.\n"
    flip_last_bit(repository / "reads" / "1" / "model.safetensors")
    result = models("verify", "reads@1", "--models-dir", repository)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "model.safetensors of reads@1 has another SHA-256" in result.stderr


def test_loss_networks_are_verified_too(repository: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    convolutions, inputs = {}, 3
    for name in ("1_1", "2_1", "3_1", "4_1", "4_2", "5_1"):
        convolutions[name] = (torch.randn(6, inputs, 3, 3, generator=generator), torch.zeros(6))
        inputs = 6
    network = Descriptor((torch.eye(3), torch.zeros(3)), convolutions, "reflect")
    publish_descriptor(repository, "slim", network, teachers=(), recipe={}, metrics={}, card="")
    assert models("verify", "--models-dir", repository).stdout.splitlines()[-1] == "slim@1 is valid."
    assert models("verify", "slim", "--models-dir", repository).stdout == "slim@1 is valid.\n"
    flip_last_bit(repository / "slim" / "1" / "model.safetensors")
    result = models("verify", "--models-dir", repository)
    assert (result.exit_code, result.stdout) == (1, "compact@1 is valid.\ncompact@2 is valid.\n")
    assert "model.safetensors of slim@1 has another SHA-256" in result.stderr


@pytest.fixture
def at_home(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a machine with a database of its own and the repository as what shipped."""
    monkeypatch.setenv("PASTICHE_MODELS_DIR", str(repository))
    monkeypatch.setenv("PASTICHE_DATA_DIR", str(tmp_path / "home"))
    return load_settings()


def test_looking_makes_no_database(at_home: Settings) -> None:
    assert models("list").exit_code == models("verify", "compact").exit_code == 0
    assert not at_home.data_dir.exists()


def test_the_newest_that_shipped_is_active_until_another_is(at_home: Settings) -> None:
    def listed() -> list[str]:
        return [row.split()[3] for row in models("list").stdout.splitlines()]

    assert listed() == ["-", "active"]
    models("activate", "compact@1")
    assert listed() == ["active", "-"]


def test_a_version_is_activated_and_gone_back_from(at_home: Settings) -> None:
    for version in (1, 2, 1):
        done = models("activate", f"compact@{version}")
        assert (done.exit_code, done.stdout) == (0, f"compact@{version} is active.\n")
        rows = [row.split() for row in models("list").stdout.splitlines()]
        assert [row[0] for row in rows if row[3] == "active"] == [f"compact@{version}"]
    with closing(open_model_store(at_home)) as model_store:
        assert model_store.activations()["compact"].changed_by == "command line"


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("compact@7", "There is no model compact@7."),
        ("compact", "Name a version: compact@1, for one."),
        ("../x@1", "There is no model ../x@1."),
    ],
)
def test_what_there_is_not_is_not_activated(at_home: Settings, reference: str, sentence: str) -> None:
    done = models("activate", reference)
    assert (done.exit_code, done.stderr) == (1, f"pastiche models activate: {sentence}\n")


def test_a_broken_version_is_not_activated(at_home: Settings) -> None:
    flip_last_bit(at_home.models_dir / "compact" / "2" / "model.safetensors")
    done = models("activate", "compact@2", "--force")
    assert done.exit_code == 1
    assert "compact@2 is broken. model.safetensors of compact@2 has another SHA-256" in done.stderr


def test_candidates_are_listed_and_need_force(at_home: Settings, repository: Path, tmp_path: Path) -> None:
    assert models("activate", "compact@1").exit_code == 0
    made = tmp_path / "made" / "compact" / "3"
    shutil.copytree(repository / "compact" / "2", made)
    manifest = made / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 2,', '"version": 3,'))
    with closing(open_model_store(at_home)) as model_store:
        assert model_store.reserve("compact") == 3
        model_store.publish("compact", 3, made, status=VersionStatus.CANDIDATE, reasons=["It is dull."], by="test")
    row = models("list").stdout.splitlines()[-1].split()
    assert (row[0], row[2:]) == (
        "compact@3",
        ["candidate", "-", "starry_night", "great_wave", "the_scream", "composition_vii"],
    )
    assert models("verify", "compact@3").stdout == "compact@3 is valid.\n"
    refused = models("activate", "compact@3")
    assert refused.stderr == "pastiche models activate: compact@3 is a candidate only. It is dull.\n"
    assert models("activate", "compact@3", "--force").stdout == "compact@3 is active, although it is a candidate.\n"


def test_a_database_that_is_away_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, at_home: Settings) -> None:
    monkeypatch.setenv("PASTICHE_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    for command in (["list"], ["verify"], ["activate", "compact@1"]):
        done = models(*command)
        assert done.exit_code == 1
        assert done.stderr == f"pastiche models {command[0]}: The database of the jobs cannot be reached.\n"


def test_exporting_without_the_packages_says_what_to_install(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    done = models("export", "compact@2", "--output", tmp_path / "x.onnx", "--models-dir", repository)
    assert done.exit_code == 1
    assert "pip install '.[export]' in the checkout" in done.stderr
    assert not (tmp_path / "x.onnx").exists()
