"""`pastiche train encoder` from the outside: a run that is continued, one that starts from another, and complaints."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import write_pictures
from typer.testing import CliRunner

from app.cli import cli
from app.nets.descriptor import load_descriptor
from app.registry.descriptors import publish_descriptor
from app.registry.encoders import find_encoder
from app.registry.repository import Repository
from app.training.checkpoint import Checkpoint

RECIPE = {
    "stroke": 64,
    "views": 2,
    "view_edge": 64,
    "rank": 2,
    "hidden": 8,
    "bottleneck": 3,
    "crop": 64,
    "batch": 2,
    "plain": 0,
    "warmup_steps": 2,
    "head_start": 0,
}


@pytest.fixture
def root(tmp_path, make_version, random_descriptor):
    make_version(tmp_path / "models", "made", 1)
    make_version(tmp_path / "models", "made", 2, seed=4)
    network = load_descriptor(load_file(random_descriptor))
    publish_descriptor(tmp_path / "models", "slim", network, teachers=(), recipe={}, metrics={}, card="# slim\n")
    write_pictures(tmp_path / "photos", 4)
    write_pictures(tmp_path / "paintings", 3, suffix=".png")
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE))
    (tmp_path / "kept_out.txt").write_text("photo2.png\n")
    return tmp_path


@pytest.fixture
def train(root, random_descriptor):
    def invoke(run, **options):
        given = {"base": "made@1", "photos": root / "photos", "paintings": root / "paintings", "run": root / run}
        given |= {"models": root / "models", "descriptor": random_descriptor, "recipe": root / "recipe.json"}
        given |= {"exclude-paintings": root / "kept_out.txt", "views": root / "views.safetensors", "steps": 4}
        parts = ["train", "encoder"]
        for name, value in (given | options).items():
            parts += [f"--{name}", str(value)]
        return CliRunner().invoke(cli, parts)

    return invoke


def average(root, run):
    tensors = Checkpoint.load(root / run / "checkpoint.safetensors").tensors
    return {name: tensor for name, tensor in tensors.items() if name.startswith("average.")}


def test_a_run_is_continued(root, train):
    assert train("run").exit_code == 0
    assert Checkpoint.load(root / "run" / "checkpoint.safetensors").targets == ("photo0", "photo1")
    assert [sheet.name for sheet in (root / "run" / "sheets").iterdir()] == ["0000004.jpg"]
    assert train("run", steps=6).exit_code == 0
    steps = [json.loads(line)["step"] for line in (root / "run" / "losses.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_it_publishes_an_encoder_for_its_model(root, train):
    (root / "notes.md").write_text("Looked at by a person.")
    result = train("run", notes=root / "notes.md")
    assert result.exit_code == 0, result.output
    assert "Published made-encoder@1 in" in result.output
    found = find_encoder(root / "models", Repository(root / "models").load("made@1"))
    learned = average(root, "run")
    torch.testing.assert_close(found.encoder.widen.weight, learned["average.widen.weight"], rtol=1e-3, atol=1e-5)
    assert torch.equal(found.encoder.centre, learned["average.centre"])
    assert (found.manifest.stroke, found.manifest.metrics["kept_out"]) == (64, ["photo2.png"])
    card = (root / "models" / "made-encoder" / "1" / "card.md").read_text()
    assert "the generator of made@1" in card
    assert "Looked at by a person." in card


def test_without_the_loss_network_that_it_looks_through_nothing_begins(root, train):
    shutil.rmtree(root / "models" / "slim")
    result = train("run")
    assert (result.exit_code, "no loss network slim" in result.output) == (1, True)
    assert not (root / "run").exists()


def test_a_run_starts_from_another_one(root, train):
    assert train("first").exit_code == 0
    result = train("second", base="made@2", start=root / "first", steps=1, **{"learning-rate": 1e-9})
    assert result.exit_code == 0, result.output
    first, second = average(root, "first"), average(root, "second")
    torch.testing.assert_close(first["average.narrow.weight"], second["average.narrow.weight"], rtol=1e-3, atol=1e-5)
    assert not torch.equal(first["average.middle"], second["average.middle"])


def test_a_run_starts_from_a_published_encoder(root, train):
    assert train("first").exit_code == 0
    result = train("second", start="made-encoder@1", steps=1, **{"learning-rate": 1e-9})
    assert result.exit_code == 0, result.output
    first, second = average(root, "first"), average(root, "second")
    torch.testing.assert_close(first["average.narrow.weight"], second["average.narrow.weight"], rtol=1e-3, atol=1e-5)


def test_an_encoder_to_start_from_must_be_there(root, train):
    result = train("run", start="made-encoder@7")
    assert result.exit_code == 1
    assert "no style encoder made-encoder@7" in " ".join(result.output.split())


def test_a_head_start_wants_a_style_image_of_the_model(root, train):
    (root / "recipe.json").write_text(json.dumps(RECIPE | {"head_start": 5}))
    result = train("run")
    assert result.exit_code == 1
    assert "head_start 0 goes without" in result.output


def test_views_of_other_works_are_refused(root, train):
    assert train("first", steps=1).exit_code == 0
    (root / "kept_out.txt").write_text("")
    result = train("second")
    assert result.exit_code == 1
    assert "views of other style images" in " ".join(result.output.split())


def test_style_weights_are_refused(root, train):
    (root / "recipe.json").write_text(json.dumps(RECIPE | {"style_weights": {"photo0": 2.0}}))
    result = train("run")
    assert result.exit_code == 1
    assert "style_weights is empty" in " ".join(result.output.split())
