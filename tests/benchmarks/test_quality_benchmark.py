"""Gatys-equivalents of random models: the pairs, the curves that are kept, the pictures."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace

import pytest
from PIL import Image
from safetensors.torch import load_file

from app.registry.repository import Repository
from app.training.checkpoint import Checkpoint
from app.training.recipe import Recipe
from benchmarks import unseen
from benchmarks.quality import equivalents as quality


@pytest.fixture
def few(options, tmp_path):
    return [*options, "--edge", "48", "--iterations", "3", "--curves", str(tmp_path / "curves.jsonl")]


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_pairs_are_measured_part_by_part_and_drawn(few, tmp_path, capsys):
    sheets = tmp_path / "sheets"
    quality.main([*few, "--pairs", "3", "--json", str(tmp_path / "rows.jsonl"), "--sheets", str(sheets)])
    rows = rows_of(tmp_path / "rows.jsonl")
    assert [(row["part"], row["edge"]) for row in rows] == [("main", 48)] * 3 + [("large", 96)] * 3
    assert len({(row["edge"], row["style_id"]) for row in rows}) == 6
    assert all(0 <= row[count] <= 3 for row in rows for count in ("from_noise", "from_photo", "style_only"))
    assert len(list(sheets.iterdir())) == 6
    with Image.open(next(sheets.glob("main-great_wave-lakeside-*.jpg"))) as strip:
        assert strip.size == (5 * 48, 36 + 22)  # five pictures of 48 x 36 and their captions
    shown = capsys.readouterr().out
    assert "compact@1, large: 96 px" in shown
    assert shown.count("**median**") == 2


def test_gatys_is_not_run_again_for_another_model(few, tmp_path, monkeypatch, models_dir):
    alone = [*few, "--only", "main", "--pairs", "2"]
    quality.main([*alone, "--json", str(tmp_path / "alone.jsonl")])
    curves = (tmp_path / "curves.jsonl").read_text()
    assert len(curves.splitlines()) == 4  # from noise and from the photo

    monkeypatch.delattr("benchmarks.quality.judge.gatys")
    both = ["--model", "compact@1", "--model", str(write_run(tmp_path / "run", models_dir))]
    quality.main([*alone, *both, "--json", str(tmp_path / "both.jsonl")])
    rows = rows_of(tmp_path / "both.jsonl")
    assert (tmp_path / "curves.jsonl").read_text() == curves
    assert [row["model"] for row in rows] == ["compact@1", "run at step 7"] * 2
    assert rows[::2] == rows_of(tmp_path / "alone.jsonl")
    # The run's averaged weights are those of the model.
    figures = [{name: row[name] for name in ("style_id", "total", "style", "content", "from_noise")} for row in rows]
    assert figures[::2] == figures[1::2]


def test_models_can_be_judged_by_the_descents_that_are_known(few, tmp_path, monkeypatch):
    quality.main([*few, "--only", "main", "--pairs", "3"])
    curves = tmp_path / "curves.jsonl"
    lines = curves.read_text().splitlines(keepends=True)
    curves.write_text("".join(lines[:3]))  # of the second pair, only that from noise
    monkeypatch.delattr("benchmarks.quality.judge.gatys")
    quality.main([*few, "--known", "--json", str(tmp_path / "rows.jsonl")])
    rows = rows_of(tmp_path / "rows.jsonl")
    assert [row["style_id"] for row in rows] == ["starry_night", "great_wave"]
    assert [row["from_photo"] is None for row in rows] == [False, True]
    assert None not in [row[count] for row in rows for count in ("from_noise", "style_only")]


def write_run(folder, models_dir):
    """A training whose average is compact@1 and whose own weights are nothing."""
    model = Repository(models_dir).load("compact")
    weights = load_file(model.folder / "model.safetensors")
    tensors = {f"average.{name}": tensor.float() for name, tensor in weights.items()}
    tensors |= {name: tensor.float() * 0 for name, tensor in weights.items()}
    recipe = Recipe(options=model.manifest.architecture.options)
    folder.mkdir()
    state = Checkpoint(7, 0, recipe.model_dump_json(), tuple(model.manifest.style_ids), tensors)
    state.save(folder / "checkpoint.safetensors")
    return folder


BLANK = quality.Row("main", "m@1", "0", 512, "vgg", 40, "starry_night", "lakeside.jpg", 0.1, 0.05, 0.5, 30, 20, 40)


def row(**figures):
    return replace(BLANK, **figures)


def test_the_report_has_the_smaller_count_of_a_style_and_marks_what_gatys_did_not_reach():
    lines = quality.report([row(), row(from_noise=25, style_only=40)]).splitlines()
    assert lines[2] == "| starry_night | 0.1000 | 0.0500 | 0.5000 | 25 | 20 | >=40 |"
    assert lines[3] == "| **median** |  |  |  | 27.5 | 20 | >=40 |"


def test_models_are_compared_by_medians_and_minima():
    lines = quality.compare([row(), row(from_noise=25), row(model="n@1", from_photo=9)]).splitlines()
    assert lines[2:] == [
        "| m@1 | main | 2 | 0.1000 | 0.0500 | 0.5000 | 27.5 (25) | 20 (20) | >=40 (>=40) |",
        "| n@1 | main | 1 | 0.1000 | 0.0500 | 0.5000 | 30 (30) | 9 (9) | >=40 (>=40) |",
    ]


def test_what_was_not_run_is_left_out_of_the_figures():
    lines = quality.report([row(from_photo=None), row(from_noise=25, from_photo=7)]).splitlines()
    assert lines[3] == "| **median** |  |  |  | 27.5 | 7 | >=40 |"
    assert quality.compare([row(from_photo=None)]).endswith("| 30 (30) |  | >=40 (>=40) |")


def test_the_few_pairs_are_from_all_over_the_catalogue():
    pairs = quality.spread([f"s{number}" for number in range(22)], 6)
    assert [style for style, _ in pairs] == ["s0", "s3", "s7", "s11", "s14", "s18"]
    assert {photo for _, photo in pairs} == set(unseen.FIRST)
    assert len(quality.spread(["a", "b"], 6)) == 2


def test_all_pairs_are_every_style_on_every_unseen_photo_in_every_part(tmp_path):
    args = Namespace(full=True, edge=512, descriptor=tmp_path, exact=tmp_path, pairs=None)
    every = {(style, photo) for style in ("a", "b") for photo in unseen.NAMES}
    parts = list(quality.parts(args, ["a", "b"]))
    assert [(part.name, part.edge) for part in parts] == [("main", 512), ("large", 1024), ("exact", 512)]
    assert all(set(part.pairs) == every and len(part.pairs) == 80 for part in parts)


def test_more_unseen_photos_begin_with_the_same_two():
    assert unseen.unseen(1) == ["lakeside.jpg"]
    assert unseen.unseen(4)[:2] == list(unseen.FIRST)
    assert sorted(unseen.unseen(1000)) == sorted(unseen.NAMES)
    assert len(set(unseen.unseen(7))) == 7
