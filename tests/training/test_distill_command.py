"""`pastiche distill` from the outside."""

import json

import pytest
import torch
from safetensors.torch import save_file
from tiny_training import write_pictures
from typer.testing import CliRunner

from app.cli import cli
from app.nets.descriptor import VGG19
from app.registry.descriptors import load_published
from app.training.checkpoint import Checkpoint
from app.training.distillation import EXACT_LAYERS, LAYERS, untrained_slim

RECIPE = {
    "widths": (9, 9, 9, 9, 9),  # room for both teachers
    "steps": 2,
    "batch": 2,
    "crop": 64,
    "warmup_steps": 1,
    "fitted": 8,
    "learning_rate": 1e-5,
}


def exact_vgg(seed):
    """In the layout of the original weights, which has a frame of zeros: conv1_1 to conv3_4."""
    random = torch.Generator().manual_seed(seed)
    tensors, inputs = {}, 3
    for block, count in enumerate(VGG19[:3], start=1):
        for i in range(1, count + 1):
            tensors[f"conv{block}_{i}.weight"] = torch.randn(5, inputs, 3, 3, generator=random) / (3 * inputs**0.5)
            tensors[f"conv{block}_{i}.bias"] = torch.zeros(5)
            inputs = 5
    return tensors


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("distill")
    write_pictures(root / "photos", 6)
    save_file(exact_vgg(1), root / "exact.safetensors")
    deep = untrained_slim((4, 4, 4, 5, 5), {"relu4_1": 7, "relu5_1": 7}, 2)
    save_file(deep.state_dict(), root / "deep.safetensors")
    (root / "recipe.json").write_text(json.dumps(RECIPE))
    (root / "unseen.txt").write_text("photo1.jpg\nphoto2.jpg\nphoto3.jpg\n")
    return root


def distill(root, run, **options):
    given = {name: root / name for name in ("photos",)}
    given |= {name: root / f"{name}.safetensors" for name in ("exact", "deep")}
    given |= {
        "recipe": root / "recipe.json",
        "exclude": root / "unseen.txt",
        "run": run,
        "models": run.parent / "models",
    }
    arguments = [word for name, value in (given | options).items() for word in (f"--{name}", str(value))]
    return CliRunner().invoke(cli, ["distill", *arguments])


def test_it_publishes_a_network_with_a_card_of_what_it_explains(root, tmp_path):
    result = distill(root, tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "Fitting layer by layer on 8 pictures" in result.output
    slim = load_published(tmp_path / "models", "slim")
    assert slim.layers == LAYERS
    card = (tmp_path / "models" / "slim" / "1" / "card.md").read_text()
    lines = {
        line.split(" | ")[0].removeprefix("| "): line.split(" | ") for line in card.splitlines() if "| relu" in line
    }
    assert tuple(lines) == LAYERS
    for layer, (_, mirrored, zeros, _) in lines.items():
        assert bool(zeros.strip()) is (layer in EXACT_LAYERS)
        if layer == "relu3_4":
            assert float(mirrored) > float(zeros)  # a frame of zeros cannot be explained without one


def test_layers_are_fitted_once_and_not_where_a_base_is_given_or_a_run_continues(root, tmp_path):
    assert distill(root, tmp_path / "run").exit_code == 0
    continued = distill(root, tmp_path / "run", steps=3)
    assert continued.exit_code == 0, continued.output
    assert "Fitting" not in continued.output
    based = distill(root, tmp_path / "other", base="slim@1")
    assert based.exit_code == 0, based.output
    assert "Fitting" not in based.output
    assert "from `slim@1`" in (tmp_path / "models" / "slim" / "3" / "card.md").read_text()


def test_a_run_that_fitted_nothing_begins_with_random_weights(root, tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE | {"fitted": 0, "steps": 1, "learning_rate": 1e-9}))
    result = distill(root, tmp_path / "run", recipe=tmp_path / "recipe.json")
    assert result.exit_code == 0, result.output
    weight = Checkpoint.load(tmp_path / "run" / "checkpoint.safetensors").tensors["slim.convolutions.3_1.weight"]
    random = untrained_slim(RECIPE["widths"], dict.fromkeys(LAYERS, 5), 0).convolutions["3_1"].weight
    torch.testing.assert_close(weight, random.detach(), atol=1e-6, rtol=0)
