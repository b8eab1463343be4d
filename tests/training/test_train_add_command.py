"""`pastiche train add` from the outside: a version with one style more, the gates' words, and its complaints."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from PIL import Image
from tiny_training import write_pictures
from typer.testing import CliRunner

from app.cli import cli
from app.registry.repository import Repository
from app.training.checkpoint import Checkpoint
from app.training.gates import Findings


@pytest.fixture
def root(tmp_path, make_version, random_descriptor):
    make_version(tmp_path / "models", "made", 1)
    write_pictures(tmp_path / "paintings", 1, suffix=".png")
    return tmp_path


@pytest.fixture
def command(root, random_descriptor):
    def build(*arguments, **options):
        given = {"title": "Harbour at Dusk", "artist": "A. Painter", "year": 1901, "model": "made"}
        given |= {"models": root / "models", "descriptor": random_descriptor}
        given |= {"steps": 4, "batch": 1, "crop": 64, "precision": "float32"}
        parts = ["train", "add", root / "paintings" / "photo0.png", *arguments]
        for name, value in (given | options).items():
            parts += [] if value is None else [f"--{name.replace('_', '-')}", value]
        return [str(part) for part in parts]

    return build


def invoke(arguments):
    return CliRunner().invoke(cli, arguments)


def test_it_publishes_the_next_version_with_the_style(root, command):
    write_pictures(root / "photos", 12, (180, 140))
    preview = root / "photos" / "photo1.jpg"
    result = invoke(command(photos=root / "photos", preview=preview, licence="public domain"))
    assert result.exit_code == 0, result.output
    assert "Published made@2 in" in result.output
    assert "harbour_at_dusk: worth" in result.output
    before, after = (Repository(root / "models").load(f"made@{version}") for version in (1, 2))
    assert after.manifest.style_ids == (*before.manifest.style_ids, "harbour_at_dusk")
    assert torch.equal(after.rows.gamma[:-1], before.rows.gamma)
    style = after.manifest.styles[-1]
    assert (style.title, style.artist, style.year, style.licence) == (
        "Harbour at Dusk",
        "A. Painter",
        1901,
        "public domain",
    )
    assert after.preview("harbour_at_dusk").read_bytes()[:3] == b"\xff\xd8\xff"
    assert after.manifest.additions[0].recipe["steps"] == 4


def test_what_the_gates_refuse_is_published_only_by_force(root, command, monkeypatch):
    def refuse(findings: Findings, *_):
        findings.reasons.append("Golden pictures have changed in dots.")

    monkeypatch.setattr("app.model_builds.addition.judge_golden", refuse)
    result = invoke(command())
    assert result.exit_code == 1
    assert "Golden pictures have changed in dots." in result.output
    assert "Use --force to publish it" in result.output
    assert Repository(root / "models").versions("made") == [1]
    result = invoke(command("--force"))
    assert result.exit_code == 0, result.output
    gates = Repository(root / "models").load("made@2").manifest.metrics["gates"]
    assert gates["passed"] is False
    assert gates["reasons"] == ["Golden pictures have changed in dots."]


@pytest.mark.process
def test_a_run_that_is_stopped_is_continued_by_the_same_command(root, command):
    arguments = command(run=root / "run", steps=150)
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    losses = root / "run" / "losses.jsonl"
    deadline = time.monotonic() + 120
    while not losses.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 130, output
    assert "The same command continues the run." in output
    step = Checkpoint.load(root / "run" / "checkpoint.safetensors").step
    assert 1 <= step < 150, "it was stopped too late to show anything"
    result = invoke(arguments)
    assert result.exit_code == 0, result.output
    assert f"after step {step}." in result.output


def refused(result, *words):
    assert result.exit_code == 1, result.output
    assert result.output.startswith("pastiche train add: "), result.output
    assert len(result.output.splitlines()) == 1
    for word in words:
        assert word in result.output


def test_what_cannot_be_added_is_explained(root, command):
    refused(invoke(command(minutes=1)), "steps or minutes")
    refused(invoke(command(model="nothing")), "no model nothing")
    refused(invoke(command(title="!?")), "letters or digits")
    refused(invoke(command(crop=32)), "crop")
    taken = Repository(root / "models").load("made").manifest.style_ids[0]
    refused(invoke(command(id=taken)), f"made@1 has a style {taken} already")
    (root / "few").mkdir()
    Image.new("RGB", (200, 200)).save(root / "few" / "a.jpg")
    refused(invoke(command(photos=root / "few")), "There are 1 photos to train on", "11 are needed")
    (root / "paintings" / "photo0.png").write_bytes(b"no picture")
    refused(invoke(command()), "photo0.png cannot be read as a picture")
    assert Repository(root / "models").versions("made") == [1]


def test_an_id_that_is_none_is_a_usage_error(command):
    result = invoke(command(id="Harbour"))
    assert result.exit_code == 2
    assert "--id" in result.output
