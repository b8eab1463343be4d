"""Training a network for one style: its running statistics are learned, kept, continued and published."""

import json
import os
import subprocess
import sys

import pytest
import torch
from tiny_training import MEMBERS, command, make_run, same, write_inputs
from typer.testing import CliRunner

from app.cli import cli
from app.nets.norm import BatchNorm
from app.registry.repository import Repository
from app.training.checkpoint import Checkpoint
from app.training.recipe import Recipe, UnusableRecipe

ONE = MEMBERS | {"options": {"widths": (4, 8), "blocks": 1}, "architecture": "johnson", "norm": "batch", "batch": 4}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Inputs with one painting."""
    root = write_inputs(tmp_path_factory.mktemp("one"))
    (root / "paintings" / "dots.png").unlink()
    (root / "recipe.json").write_text(json.dumps(ONE))
    return root


def invoke(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def statistics(tensors):
    return {name: tensor for name, tensor in tensors.items() if name.endswith((".mean", ".variance"))}


def test_statistics_are_in_the_checkpoint(root, tmp_path):
    run = make_run(root, tmp_path, **ONE)
    for _ in run.steps():
        pass
    tensors = Checkpoint.load(tmp_path / "checkpoint.safetensors").tensors
    trained = dict(run.trainer.generator.named_buffers())
    assert trained
    for name, statistic in trained.items():
        assert torch.equal(tensors[f"generator.{name}"], statistic)
        assert f"exp_avg.generator.{name}" not in tensors


def test_averaged_weights_have_the_statistics_of_what_they_paint(root, tmp_path):
    """However far the weights, and the statistics that were kept with them, have moved since the average's."""
    trainer = make_run(root, tmp_path, **ONE | {"learning_rate": 0.05, "average": 0.9}).trainer
    for _ in trainer.run():
        pass
    generator, rows = trainer.averaged()
    assert not generator.training
    photos = trainer.photos.sample(999).photos
    seen = {}
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: seen.update({module: inputs[0]}) if isinstance(module, BatchNorm) else None
    )
    generator(photos, *rows(torch.zeros(len(photos), dtype=torch.int64)))
    hook.remove()
    kept = {name.removeprefix("generator."): value for name, value in trainer.average.items()}
    errors = {"settled": [], "kept": []}
    for name, norm in generator.named_modules():
        if isinstance(norm, BatchNorm):
            spread, mean = torch.std_mean(seen[norm], dim=(0, 2, 3))
            errors["settled"].append(((norm.mean - mean) / spread).abs().mean().item())
            errors["kept"].append(((kept[f"{name}.mean"] - mean) / spread).abs().mean().item())
    assert max(errors["settled"]) < 0.25
    assert sum(errors["settled"]) < 0.5 * sum(errors["kept"])


def test_averaged_statistics_are_the_same_every_time(root, tmp_path):
    trainer = make_run(root, tmp_path, **ONE).trainer
    before = trainer.checkpoint()
    one, other = (dict(trainer.averaged()[0].named_buffers()) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert same(trainer.checkpoint(), before)


def test_a_run_that_is_given_up_continues_to_the_same_statistics(root, tmp_path):
    whole, parts = make_run(root, tmp_path / "whole", **ONE), tmp_path / "parts"
    for _ in whole.steps():
        pass
    first = make_run(root, parts, **ONE)
    steps = first.steps()
    for _ in range(3):
        next(steps)
    steps.close()
    second = make_run(root, parts, **ONE)
    assert second.resume()
    for _ in second.steps():
        pass
    assert same(second.trainer.checkpoint(), whole.trainer.checkpoint())


def test_a_retreat_takes_the_statistics_back(root, tmp_path):
    trainer = make_run(root, tmp_path, **ONE).trainer
    before = trainer.checkpoint()
    sample = trainer.photos.sample(0)
    trainer.losses(sample)
    assert not torch.equal(trainer.checkpoint().tensors["generator.entry.norm.mean"], torch.zeros(4))
    trainer.retreat()
    after = trainer.checkpoint().tensors
    assert all(torch.equal(after[name], tensor) for name, tensor in before.tensors.items())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_command_trains_publishes_and_the_model_paints(root, tmp_path, precision):
    result = invoke(*command(root, tmp_path / "run", norm="batch", architecture="johnson", precision=precision))
    assert result.exit_code == 0, result.output
    model = Repository(tmp_path / "models").load("tiny")
    assert model.manifest.architecture.name == "johnson"
    assert model.manifest.architecture.norm == "batch"
    assert model.manifest.recipe["norm"] == "batch"
    loaded = statistics(model.generator.state_dict())
    assert len(loaded) == 2 * len(model.generator.widths)
    assert not torch.equal(loaded["entry.norm.mean"], torch.zeros(4))


def test_a_model_is_named_like_its_architecture_where_it_is_not_named(root, tmp_path):
    arguments = command(root, tmp_path / "run", steps=1)
    place = arguments.index("--name")
    result = invoke(*arguments[:place], *arguments[place + 2 :])
    assert result.exit_code == 0, result.output
    assert Repository(tmp_path / "models").names() == ["johnson"]


def test_a_small_batch_is_refused(root, tmp_path):
    result = invoke(*command(root, tmp_path / "run", batch=3))
    assert result.exit_code == 1
    assert "batch normalisation needs a batch of at least 4 images, not 3" in result.output


@pytest.mark.parametrize(("architecture", "norm"), [("johnson", "instance"), ("paper", "batch")])
def test_two_styles_are_refused(inputs, tmp_path, architecture, norm):
    with pytest.raises(UnusableRecipe, match="has one style, not 2"):
        make_run(inputs, tmp_path, **ONE | {"architecture": architecture, "norm": norm})


def test_a_process_with_too_small_a_share_is_refused(root, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 0)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    with pytest.raises(UnusableRecipe, match="wants 4 pictures a process and step, not 2"):
        make_run(root, tmp_path, **ONE)


def test_an_unknown_norm_is_refused(root, tmp_path):
    result = invoke(*command(root, tmp_path / "run", norm="layer"))
    assert result.exit_code == 1
    assert "norm" in result.output
    assert "Traceback" not in result.output


def test_a_recipe_from_before_has_instance_normalisation():
    assert Recipe.model_validate(MEMBERS).norm == "instance"


@pytest.mark.process
def test_two_processes_share_their_statistics(root, tmp_path):
    """The first layer's mean over both shares is that of one process with the whole batch; variances are not so."""
    options = {"batch": 8, "steps": 1}
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "app.cli", "--")
    done = subprocess.run(
        [sys.executable, *launcher, *command(root, tmp_path / "two", **options)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    result = invoke(*command(root, tmp_path / "one", **options, models=tmp_path / "others"))
    assert result.exit_code == 0, result.output
    two, one = (Checkpoint.load(tmp_path / run / "checkpoint.safetensors").tensors for run in ("two", "one"))
    mean = "generator.entry.norm.mean"
    assert one[mean].abs().max() > 1e-3
    torch.testing.assert_close(two[mean], one[mean], atol=1e-6, rtol=1e-4)
