"""Additions to a random model against its own rows: the arms, the row that is dropped, the table."""

from __future__ import annotations

import json

import pytest
import torch

from app.registry.repository import Repository
from benchmarks.quality import add_style


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_style_is_compared_with_the_row_that_was_trained(options, tmp_path, capsys):
    few = ["--steps", "2", "--unseen", "2", "--edge", "48", "--threads", "1", "--styles", "great_wave"]
    add_style.main([*options, *few, "--arms", "built-in, nearest", "--json", str(tmp_path / "rows.json")])
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [(row["style"], row["arm"]) for row in rows] == [
        ("great_wave", "trained with the model"),
        ("great_wave", "built-in, nearest"),
    ]
    assert rows[1]["begun_from"] in {"starry_night", "the_scream", "composition_vii"}
    assert rows[1]["total"] > 0
    assert rows[1]["cpu_seconds"] > 0
    shown = capsys.readouterr().out
    assert "compact@1" in shown
    assert "against the rows trained with the model" in shown


def test_a_style_is_dropped_with_its_row(models_dir):
    model = Repository(models_dir).load("compact")
    rows, ids = add_style.without(model, "great_wave")
    assert ids == ("starry_night", "the_scream", "composition_vii")
    assert torch.equal(rows.gamma, model.rows.gamma[[0, 2, 3]])
    assert torch.equal(add_style.row_of(model, "great_wave").beta, model.rows.beta[[1]])
