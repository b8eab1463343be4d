"""`pastiche train full` from the outside: processes that are killed, stopped and multiplied, and its complaints."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_training import MEMBERS, command, make_trainer, random_vgg, write_inputs
from typer.testing import CliRunner

from app.cli import cli
from app.registry.repository import Repository
from app.training.checkpoint import Checkpoint
from app.training.trainer import UnevenBatch

STEPS = 60


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = write_inputs(tmp_path_factory.mktemp("command"))
    (root / "recipe.json").write_text(json.dumps(MEMBERS | {"steps": STEPS}))
    return root


def invoke(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def start(*arguments, launcher=("-m", "app.cli")):
    """A process of its own, on one thread like the tests."""
    return subprocess.Popen(
        [sys.executable, *launcher, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def weights(folder):
    return load_file(folder / "models" / "tiny" / "1" / "model.safetensors")


@pytest.fixture(scope="module")
def undisturbed(root):
    torch.set_num_threads(1)
    folder = root / "undisturbed"
    result = invoke(*command(root, folder / "run"), "--preview", root / "photos" / "photo0.jpg")
    assert result.exit_code == 0, result.output
    return folder


def test_it_publishes_a_model_that_loads(undisturbed):
    model = Repository(undisturbed / "models").load("tiny")
    assert model.manifest.style_ids == ("dots", "stripes")
    assert model.manifest.descriptor == "descriptor"
    assert model.manifest.recipe["steps"] == STEPS
    assert model.preview("dots").read_bytes()[:3] == b"\xff\xd8\xff"
    assert model.manifest.styles[0].licence is None  # nothing is known of it, so nothing is claimed
    assert "# tiny" in (model.folder / "card.md").read_text()
    averaged = Checkpoint.load(undisturbed / "run" / "checkpoint.safetensors").tensors
    assert torch.equal(model.rows.gamma, averaged["average.rows.gamma"])


def test_unseen_photos_are_scored_and_not_trained_on(root, tmp_path):
    (tmp_path / "unseen.txt").write_text("photo1.jpg\n\nnot there.jpg\nphoto 6.jpg\n")
    (root / "photos" / "photo 6.jpg").write_bytes((root / "photos" / "photo5.jpg").read_bytes())
    result = invoke(*command(root, tmp_path / "run", steps=1, exclude=tmp_path / "unseen.txt"))
    (root / "photos" / "photo 6.jpg").unlink()
    assert result.exit_code == 0, result.output
    model = Repository(tmp_path / "models").load("tiny")
    assert model.manifest.metrics["scored_photos"] == ["photo1.jpg", "photo 6.jpg"]
    assert all(style.losses.style > 0 for style in model.manifest.styles)
    assert "on 5 photos" in (model.folder / "card.md").read_text()


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_or_stopped_ends_with_the_weights_of_an_undisturbed_one(
    root, undisturbed, tmp_path, number
):
    folder = tmp_path / "run"
    process = start(*command(root, folder, checkpoint_seconds=0))
    deadline = time.monotonic() + 120
    while not (folder / "checkpoint.safetensors").exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    output, _ = process.communicate(timeout=600)
    if number == signal.SIGTERM:
        assert process.returncode == 130
        assert "The same command continues the run." in output
    else:
        assert process.returncode == -signal.SIGKILL
    step = Checkpoint.load(folder / "checkpoint.safetensors").step
    assert 1 <= step < STEPS, "it was stopped too late to show anything"
    result = invoke(*command(root, folder))
    assert result.exit_code == 0, result.output
    assert f"after step {step}." in result.output
    for name, tensor in weights(undisturbed).items():
        assert torch.equal(weights(tmp_path)[name], tensor), name
    assert (folder / "losses.jsonl").read_text() == (undisturbed / "run" / "losses.jsonl").read_text()


@pytest.mark.process
def test_two_processes_get_the_gradients_of_one_with_the_double_batch(root, tmp_path):
    """As an operator starts them; after one step Adam's first moment is the clipped gradient times 1 - beta_1."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "app.cli", "--")
    options = {"batch": 4, "steps": 1}
    process = start(*command(root, tmp_path / "two", **options), launcher=launcher)
    assert invoke(*command(root, tmp_path / "one", **options, models=tmp_path / "others")).exit_code == 0
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert output.count("Published tiny@1") == 1
    two, one = (Checkpoint.load(tmp_path / run / "checkpoint.safetensors").tensors for run in ("two", "one"))
    compared = 0
    for name, moment in one.items():
        if name.startswith("exp_avg."):
            # The sums over a batch are taken in another order: float32 rounding relative to the largest gradient.
            torch.testing.assert_close(two[name], moment, atol=1e-5 * moment.abs().max().item(), rtol=1e-4)
            compared += 1
    assert compared == 9
    assert len((tmp_path / "two" / "losses.jsonl").read_text().splitlines()) == 1


@pytest.mark.process
def test_processes_stop_after_the_same_step_with_the_same_weights(root, tmp_path):
    """One that stopped alone would leave the other waiting for its gradients."""
    script = Path(__file__).with_name("stopped_pair.py")
    launcher = [str(script)]
    pair = [start(str(rank), str(tmp_path / "meeting"), str(root), launcher=launcher) for rank in range(2)]
    outputs = [process.communicate(timeout=600)[0].split() for process in pair]
    assert [process.returncode for process in pair] == [0, 0], outputs
    assert outputs[0] == outputs[1]
    assert outputs[0][0] == "3"  # the step that was under way when the other heard of it


def test_processes_that_cannot_share_the_batch_equally_are_refused(inputs, monkeypatch):
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 0)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 3)
    with pytest.raises(UnevenBatch, match="3 processes cannot share a batch of 4 equally"):
        make_trainer(inputs, batch=4)


def refused(result, *words):
    """Exit code 1, one sentence on stderr, no traceback."""
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    assert result.output.startswith("pastiche train full: "), result.output
    assert len(result.output.splitlines()) == 1
    for word in words:
        assert word in result.output


def test_inputs_that_cannot_be_used_are_named(root, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    run = tmp_path / "run"
    refused(invoke(*command(root, run, photos=empty)), "no JPEG, PNG or WebP photo", str(empty))
    refused(invoke(*command(root, run, paintings=empty)), "no JPEG, PNG or WebP style image")
    refused(invoke(*command(root, run, style="waves")), "no style image waves")
    (tmp_path / "text").write_text("no weights")
    refused(invoke(*command(root, run, descriptor=tmp_path / "text")), "text is not a safetensors file")
    save_file({"layer": torch.zeros(1)}, tmp_path / "other.safetensors")
    refused(invoke(*command(root, run, descriptor=tmp_path / "other.safetensors")), "not those of a VGG")
    shallow = {name: tensor for name, tensor in random_vgg().items() if name.startswith("conv1")}
    save_file(shallow, tmp_path / "shallow.safetensors")
    refused(invoke(*command(root, run, descriptor=tmp_path / "shallow.safetensors")), "no layer relu2_1, relu2_2")
    refused(invoke(*command(root, run, preview=tmp_path / "text")), "text cannot be read as a picture")
    assert not run.exists()


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"stepz": 3}, ["stepz", "Extra inputs are not permitted"]),
        ({"crop": 5, "batch": 0}, ["crop", "batch"]),
        ({"options": {"depth": 3}}, ["the options do not fit"]),
        ({"style_weights": {"waves": 2.0}}, ["without a style image: waves"]),
        ({"style_shares": {"waves": 2.0}}, ["without a style image: waves"]),
        ([1], ["not a JSON object"]),
        ("text", ["not a JSON object"]),
        (None, ["not a JSON object"]),
    ],
)
def test_a_recipe_that_cannot_be_used_is_explained(root, tmp_path, recipe, words):
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    refused(invoke(*command(root, tmp_path / "run", recipe=tmp_path / "recipe.json")), *words)


def test_a_recipe_that_is_no_json_is_explained(root, tmp_path):
    (tmp_path / "recipe.json").write_text("{")
    refused(invoke(*command(root, tmp_path / "run", recipe=tmp_path / "recipe.json")), "not valid JSON")


def test_a_folder_of_another_run_is_not_overwritten(root, undisturbed):
    before = (undisturbed / "run" / "checkpoint.safetensors").read_bytes()
    refused(invoke(*command(root, undisturbed / "run", seed=9)), "another recipe (seed)")
    assert (undisturbed / "run" / "checkpoint.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value"), [("device", "abacus"), ("name", "My Model"), ("photos", "nowhere"), ("batch", "x")]
)
def test_options_out_of_range_are_usage_errors(root, tmp_path, option, value):
    result = invoke(*command(root, tmp_path / "run", **{option: value}))
    assert result.exit_code == 2
    assert f"--{option}" in result.output


def test_a_model_trained_before_is_the_base_of_the_next(root, undisturbed, tmp_path):
    options = {"steps": 1, "models": undisturbed / "models", "base": "tiny@1"}
    result = invoke(*command(root, tmp_path / "second", **options))
    assert result.exit_code == 0, result.output
    first, second = (Repository(undisturbed / "models").load(f"tiny@{version}") for version in (1, 2))
    assert second.manifest.recipe["base"] == "tiny@1"
    torch.testing.assert_close(second.rows.gamma, first.rows.gamma, atol=0.01, rtol=0)
    missing = invoke(*command(root, tmp_path / "third", **options | {"base": "tiny@7"}))
    assert missing.exit_code == 1
    assert "There is no model tiny@7." in missing.output


def test_without_photos_it_learns_on_the_built_in_pictures(root, tmp_path):
    arguments = command(root, tmp_path / "run", steps=1)
    place = arguments.index("--photos")
    del arguments[place : place + 2]
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    model = Repository(tmp_path / "models").load("tiny")
    assert "on the built-in pictures" in (model.folder / "card.md").read_text()
    gates = model.manifest.metrics["gates"]
    assert gates["passed"] is True
    assert gates["figures"]["gatys_equivalents"].keys() == {"dots", "stripes"}
