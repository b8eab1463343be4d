"""The papers' parts on small inputs: each runs alone, goes on where it stopped, and is told in tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.nets.architectures import build_generator
from app.registry.descriptors import DESCRIPTOR_MANIFEST, SHIPPED_DESCRIPTOR, newest_version
from app.settings import SHIPPED_MODELS
from app.training.distillation import DistillRecipe
from app.training.recipe import EncoderRecipe, Recipe
from benchmarks.papers import __main__ as papers
from benchmarks.papers import bench as papers_bench
from benchmarks.papers import norm as papers_norm
from benchmarks.papers import report as papers_report
from benchmarks.papers import size as papers_size
from benchmarks.papers import texture as papers_texture
from benchmarks.papers.notes import Notes
from benchmarks.papers.stopwatch import Stopwatch

RECIPES = Path(papers.__file__).parents[1] / "recipes"
SLIM = RECIPES / "slim.json"  # of a loss network
ENCODER = RECIPES / "encoder.json"  # of a style encoder
STYLES = ("starry_night", "great_wave", "the_scream", "composition_vii")
OPTIONS = {"widths": (4, 8), "blocks": 1}
STEPS = 4
TINY = replace(
    papers_size.SMALL,
    **{name: STEPS for name in vars(papers_size.SMALL) if name.endswith(papers_size.STEPS)},
    edge=64,
    crop=64,
    unseen=2,
    curve_edge=64,
    curve_iterations=3,
    timed_edges=(64,),
    timed_rounds=1,
    equivalent_evaluations=3,
    texture_crop=64,
    texture_options={"scales": 2, "width": 4},
    stylising_options={"scales": 2, "width": 4},
    johnson_options=OPTIONS,
    norm_options={"johnson": OPTIONS, "ulyanov": {"scales": 2, "width": 4}},
    cin_options={**OPTIONS, "fine": 4},
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Two marks a training, and the threads as they were."""
    monkeypatch.setattr(papers_bench, "MARKS", 2)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def photos(inputs, tmp_path_factory):
    """Two unseen photos and two to train on."""
    folder = tmp_path_factory.mktemp("photos")
    for name, source in (("a.png", "airliner.jpg"), ("b.png", "zebra.jpg")):
        with Image.open(inputs / "photos" / source) as opened:
            opened.save(folder / name)
    for name in ("lakeside.jpg", "golden_retriever.jpg"):
        (folder / name).write_bytes((inputs / "photos" / name).read_bytes())
    return folder


@pytest.fixture
def given(inputs, photos, random_descriptor, tmp_path):
    """Arguments of a run on small inputs."""
    paths = {"photos": photos, "paintings": inputs / "paintings", "descriptor": random_descriptor}
    paths["out"] = tmp_path / "out"
    options = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    return [*options, "--styles", *STYLES, "--threads", "1"]


def rows(folder, part):
    return [json.loads(line) for line in (folder / f"{part}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("part", papers.PARTS)
def test_a_part_is_measured_alone_once_and_told(part, given, tmp_path, monkeypatch, capsys):
    papers.main([*given, "--part", part], size=TINY)
    measured = rows(tmp_path / "out", part)
    assert measured
    assert (tmp_path / "out" / f"papers-{part}.png").read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "out").glob("*.jsonl")) == [tmp_path / "out" / f"{part}.jsonl"]
    told = papers.PARTS[part].report(Notes(tmp_path / "out" / f"{part}.jsonl"))
    assert told in capsys.readouterr().out
    for block in told.split("\n\n"):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    papers.main([*given, "--part", part, "--report", str(tmp_path / "report.md")])
    assert told in (tmp_path / "report.md").read_text()
    assert (tmp_path / f"papers-{part}.png").exists()
    # Nothing is measured or trained again.
    monkeypatch.setattr("app.training.trainer.Trainer.advance", None)
    papers.main([*given, "--part", part], size=TINY)
    assert rows(tmp_path / "out", part) == measured


def test_a_training_goes_on_where_it_stopped(given, tmp_path, monkeypatch):
    advance, done = papers_bench.Trainer.advance, []

    def stopped(trainer, sample):
        if len(done) == STEPS + 3:
            raise KeyboardInterrupt
        done.append(trainer.step)
        return advance(trainer, sample)

    def counted(trainer, sample):
        done.append(trainer.step)
        return advance(trainer, sample)

    monkeypatch.setattr(papers_bench, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr("app.training.trainer.Trainer.advance", stopped)
    with pytest.raises(SystemExit, match="the same command goes on"):
        papers.main([*given, "--part", "norm"], size=TINY)
    papers.main([*given, "--report", str(tmp_path / "half.md")])
    assert "norm" not in (tmp_path / "half.md").read_text()
    done.clear()
    monkeypatch.setattr("app.training.trainer.Trainer.advance", counted)
    papers.main([*given, "--part", "norm"], size=TINY)
    # The first training was finished, and three steps of the second were saved.
    assert done == [3, *range(STEPS), *range(STEPS)]
    steps, _, _ = papers_norm.curves(Notes(tmp_path / "out" / "norm.jsonl"), "johnson-instance")
    assert steps == [2, STEPS]


def test_another_setting_wants_another_folder(given):
    papers.main([*given, "--part", "gatys"], size=TINY)
    with pytest.raises(SystemExit, match="another minutes, seed; --out names another folder"):
        papers.main([*given, "--part", "gatys", "--seed", "1", "--minutes-per-part", "2"], size=TINY)


def test_what_ships_is_enough_to_run(tmp_path):
    tiny = replace(TINY, curve_iterations=1, equivalent_evaluations=1)
    for part in ("gatys", "johnson"):
        papers.main(["--part", part, "--out", str(tmp_path / "out"), "--threads", "1"], size=tiny)
    setting = json.loads((tmp_path / "out" / "setting.json").read_text())
    assert (setting["photos"], setting["paintings"], setting["descriptor"]) == (None, None, "slim")


def test_tables_are_renewed_between_their_marks_and_nothing_else_is(tmp_path):
    document = tmp_path / "papers.md"
    before = "# Words\n\n<!-- papers: gatys -->\nold | table\n<!-- end -->\n\nMore \\1 words.\n"
    document.write_text(before)
    papers_report.write(document, {"gatys": "new\\2 table"})
    assert document.read_text() == before.replace("old | table", "new\\2 table")
    with pytest.raises(KeyError, match="cin"):
        papers_report.write(document, {"cin": "x"})
    papers_report.write(tmp_path / "fresh.md", {"gatys": "a", "cin": "b"})
    papers_report.write(tmp_path / "fresh.md", {"gatys": "c"})
    assert "\nc\n" in (tmp_path / "fresh.md").read_text()
    assert "\nb\n" in (tmp_path / "fresh.md").read_text()


def test_a_torn_line_is_measured_again(tmp_path):
    notes = Notes(tmp_path / "notes.jsonl")
    notes.once(lambda: {"x": 1}, what="a")
    notes.once(lambda: {"x": 2}, what="b")
    (tmp_path / "notes.jsonl").write_text((tmp_path / "notes.jsonl").read_text()[:-5])
    again = Notes(tmp_path / "notes.jsonl")
    assert again.once(lambda: {"x": 3}, what="a") == {"x": 1}
    assert again.once(lambda: {"x": 3}, what="b") == {"x": 3}
    assert Notes(tmp_path / "notes.jsonl").rows("b") == [{"what": "b", "x": 3}]


def test_steps_follow_the_minutes_and_nothing_else_does():
    size = papers_size.SMALL.scaled(30)
    assert size.cin_steps == 2 * papers_size.SMALL.cin_steps
    assert replace(size, **{f: getattr(papers_size.SMALL, f) for f in vars(size) if f.endswith("_steps")}) == (
        papers_size.SMALL
    )
    assert papers_size.SMALL.scaled(0.001).row_steps == papers_size.MIN_STEPS


def test_diversity_is_none_of_equal_pictures_and_one_of_unrelated_ones():
    rng = np.random.default_rng(0)
    one, other = (torch.from_numpy(rng.random((1, 3, 64, 64), dtype=np.float32)) for _ in range(2))
    assert papers_texture.diversity([one, one, one]) == pytest.approx(0, abs=1e-5)
    assert papers_texture.diversity([one, 0.5 * one + 0.2]) == pytest.approx(0, abs=1e-5)
    assert papers_texture.diversity([one, other]) == pytest.approx(1, abs=0.05)
    assert papers_texture.diversity([one, 1 - one]) == pytest.approx(2, abs=1e-5)


def test_contrast_is_around_the_mean_of_each_colour_and_not_clipped():
    photo = torch.tensor([0.0, 1.0]).expand(1, 3, 4, 2) * torch.tensor([0.2, 0.6, 1.0])[None, :, None, None]
    double = papers_norm.contrasted(photo, 2)
    torch.testing.assert_close(double.mean(dim=(2, 3)), photo.mean(dim=(2, 3)))
    torch.testing.assert_close(double.std(dim=(2, 3)), 2 * photo.std(dim=(2, 3)))
    assert double.min() < 0
    assert double.max() > 1


def test_tasks_take_turns_and_the_first_round_does_not_count(monkeypatch):
    watch = Stopwatch(torch.device("cpu"), processor=True)
    order, now = [], [0.0]
    watch.clock = lambda: now[0]

    def task(name, seconds):
        def run():
            order.append(name)
            now[0] += seconds.pop(0)

        return run

    found = watch.take_turns({"a": task("a", [9, 1, 2, 3]), "b": task("b", [9, 5, 5, 8])}, 3)
    assert order == ["a", "b"] * 4
    assert found == {"a": 2, "b": 5}


@pytest.mark.parametrize("path", sorted(set(RECIPES.glob("*.json")) - {SLIM, ENCODER}), ids=lambda path: path.stem)
def test_a_recipe_for_serving_can_be_trained_and_fits_into_four_megabytes(path):
    recipe = Recipe.model_validate_json(path.read_text())
    assert recipe.architecture == path.stem.split("-")[0]
    generator = build_generator(recipe.architecture, recipe.options, recipe.norm)
    assert 2 * sum(parameter.numel() for parameter in generator.parameters()) <= 4_000_000


def test_the_recipe_of_the_encoder_can_be_trained():
    assert EncoderRecipe.model_validate_json(ENCODER.read_text()).views == 5


def test_the_recipe_of_the_loss_network_is_the_one_that_was_published():
    manifest = json.loads((newest_version(SHIPPED_MODELS, SHIPPED_DESCRIPTOR) / DESCRIPTOR_MANIFEST).read_text())
    # Members that are newer than the version have their defaults there, too.
    assert DistillRecipe.model_validate_json(SLIM.read_text()) == DistillRecipe.model_validate(manifest["recipe"])
