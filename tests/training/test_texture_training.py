"""Textures from noise alone, from the painting to the file; and photos through the same network."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from tiny_training import MEMBERS, command, make_run, make_trainer, same, write_inputs
from typer.testing import CliRunner

from app.cli import cli
from app.engine.device import Device
from app.engine.stylizer import Stylizer
from app.registry.repository import Repository
from app.training.recipe import TRACES, Recipe

OPTIONS = {"scales": 3, "width": 4}
TEXTURE = {name: value for name, value in MEMBERS.items() if name != "plain"}
TEXTURE |= {"options": OPTIONS, "architecture": "texture"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = write_inputs(tmp_path_factory.mktemp("texture"))
    (root / "recipe.json").write_text(json.dumps(TEXTURE | {"steps": 4}))
    (root / "photo.json").write_text(json.dumps(MEMBERS | {"options": OPTIONS, "architecture": "ulyanov", "steps": 4}))
    return root


def invoke(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def texture(root, source, output, *options):
    given = ("--models", root / "models", "--recipe", root / "recipe.json")
    return invoke("texture", source, "-o", output, *given, "--descriptor", root / "descriptor.safetensors", *options)


@pytest.fixture(scope="module")
def learned(root):
    """The file that the first call for a painting writes."""
    torch.set_num_threads(1)
    result = texture(root, root / "paintings" / "dots.png", root / "first.png", "--size", "70x50")
    assert result.exit_code == 0, result.output
    assert "Published texture-dots@1" in result.output
    return root / "first.png"


def pixels(path):
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB")).astype(float)


def test_a_texture_has_the_size_that_is_asked_for(learned, root):
    assert pixels(learned).shape == (50, 70, 3)
    assert Repository(root / "models").load("texture-dots").manifest.architecture.name == "texture"


def test_the_same_painting_is_learned_once_and_the_seed_decides(learned, root, tmp_path):
    again = texture(root, root / "paintings" / "dots.png", tmp_path / "again.png", "--size", "70x50")
    assert again.exit_code == 0, again.output
    assert "Published" not in again.output
    assert (tmp_path / "again.png").read_bytes() == learned.read_bytes()
    result = texture(root, "texture-dots@1", tmp_path / "other.png", "--size", "70x50", "--seed", "1")
    assert result.exit_code == 0, result.output
    assert np.abs(pixels(tmp_path / "other.png") - pixels(learned)).mean() > 3


def test_another_painting_of_that_name_is_learned_anew(learned, root, tmp_path):
    (tmp_path / "dots.png").write_bytes((root / "paintings" / "stripes.png").read_bytes())
    result = texture(root, tmp_path / "dots.png", tmp_path / "out.webp", "--steps", "1", "--size", "32x32")
    assert result.exit_code == 0, result.output
    assert "Published texture-dots@2" in result.output
    assert pixels(tmp_path / "out.webp").shape == (32, 32, 3)


def test_only_models_of_textures_paint_them(root, learned, tmp_path):
    arguments = command(root, tmp_path / "run", recipe=root / "photo.json", models=tmp_path / "models")
    assert invoke(*arguments).exit_code == 0
    for source, words in (("tiny", "tiny@1 makes no textures"), ("nowhere", "There is no model nowhere")):
        result = invoke("texture", source, "-o", tmp_path / "x.png", "--models", tmp_path / "models")
        assert result.exit_code == 1, result.output
        assert words in result.output
        assert "Traceback" not in result.output
    result = texture(root, "texture-dots", tmp_path / "x.png", "--style", "waves")
    assert "has no style waves. It has dots" in result.output
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--size", "12"), ("--size", "0x5"), ("--size", "9999x9"), ("--seed", "-1"), ("-o", "x.txt")]
)
def test_options_out_of_range_are_usage_errors(root, learned, tmp_path, option, value):
    result = texture(root, "texture-dots", tmp_path / "x.png", option, value)
    assert result.exit_code == 2, result.output


def test_several_textures_are_one_model(root, tmp_path):
    arguments = command(root, tmp_path / "run", architecture="texture")
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    model = Repository(tmp_path / "models").load("tiny")
    assert model.manifest.style_ids == ("dots", "stripes")
    assert model.manifest.recipe["content_weight"] == 0
    for style in model.manifest.style_ids:
        result = invoke(
            "texture", "tiny", "-o", tmp_path / f"{style}.png", "--models", tmp_path / "models", "--style", style
        )
        assert result.exit_code == 0, result.output
    assert np.abs(pixels(tmp_path / "dots.png") - pixels(tmp_path / "stripes.png")).mean() > 1


def test_it_learns_the_style_alone(root):
    trainer = make_trainer(root, **TEXTURE | {"steps": 30, "learning_rate": 2e-2, "plain": 0})
    steps = list(trainer.run())
    assert all(step.losses["total"] == step.losses["style"] for step in steps)
    totals = [step.losses["total"] for step in steps]
    assert sum(totals[-10:]) < 0.7 * sum(totals[:10])


def test_it_computes_no_features_but_those_of_its_style(root):
    trainer = make_trainer(root, **TEXTURE, plain=0)
    asked = []
    trainer.objective.descriptor.register_forward_pre_hook(lambda _, inputs: asked.append(set(inputs[1])))
    next(trainer.run())
    assert asked == [{"relu1_1", "relu2_1"}]


def test_every_sample_of_every_step_has_another_noise(root):
    trainer = make_trainer(root, **TEXTURE, plain=0)
    seen = []
    for step in range(5):
        seen += trainer.noise_seeds(trainer.recipe.batch, step).tolist()
    assert len(set(seen)) == 5 * trainer.recipe.batch


def test_a_run_that_is_given_up_continues_to_the_same_texture(root, tmp_path):
    training = make_run(root, tmp_path / "whole", **TEXTURE, plain=0)
    for _ in training.steps():
        pass
    steps = make_run(root, tmp_path / "parts", **TEXTURE, plain=0).steps()
    for _ in range(3):
        next(steps)
    steps.close()
    second = make_run(root, tmp_path / "parts", **TEXTURE, plain=0)
    assert second.resume()
    for _ in second.steps():
        pass
    assert same(second.trainer.checkpoint(), training.trainer.checkpoint())


@pytest.mark.parametrize("member", ["content_weight", *TRACES])
def test_a_texture_has_no_photo_to_be_like(member):
    assert getattr(Recipe.model_validate(TEXTURE), member) == 0
    with pytest.raises(ValidationError, match="a texture has no photo"):
        Recipe.model_validate(TEXTURE | {member: 0.5})


def test_photos_are_painted_by_the_engine(root, tmp_path):
    result = invoke(*command(root, tmp_path / "run", recipe=root / "photo.json"))
    assert result.exit_code == 0, result.output
    model = Repository(tmp_path / "models").load("tiny")
    stylizer = Stylizer(
        model.generator, model.rows, model.manifest.style_ids, Device(torch.device("cpu"), torch.float32, "cpu")
    )
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (40, 56, 3), dtype=np.uint8) for _ in range(2)]
    blends = [{"dots": 1.0}, {"dots": 0.5, "stripes": 0.5}]
    together = stylizer.paint(photos, blends)
    for photo, blend, painted in zip(photos, blends, together, strict=True):
        assert painted.shape == photo.shape
        [alone] = stylizer.paint([photo], [blend])
        assert np.abs(painted.astype(int) - alone).max() <= 1
    assert np.abs(together[0].astype(int) - together[1]).mean() > 1
