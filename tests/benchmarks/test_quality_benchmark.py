"""Gatys-equivalents of a random model: the pairs, the file that a run goes on from, the pictures."""

from __future__ import annotations

import json

import quality
import unseen
from PIL import Image


def test_a_run_goes_on_behind_the_pairs_that_are_finished(options, tmp_path, capsys):
    few = ["--edge", "48", "--iterations", "3", "--json", str(tmp_path / "rows.jsonl")]
    quality.main([*options, *few, "--pairs", "2", "--only", "main", "--sheets", str(tmp_path / "sheets")])
    first = (tmp_path / "rows.jsonl").read_text()
    assert sorted(path.name for path in (tmp_path / "sheets").iterdir()) == [
        "main-great_wave-lakeside.jpg",
        "main-starry_night-lakeside.jpg",
    ]
    with Image.open(tmp_path / "sheets" / "main-great_wave-lakeside.jpg") as strip:
        assert strip.size == (5 * 48, 36 + 22)  # five pictures of 48 x 36 and their captions
    quality.main([*options, *few, "--pairs", "3"])
    lines = (tmp_path / "rows.jsonl").read_text()
    assert lines.startswith(first)
    rows = [json.loads(line) for line in lines.splitlines()]
    assert [(row["part"], row["edge"]) for row in rows] == [("main", 48)] * 3 + [("large", 96)] * 3
    assert len({(row["edge"], row["style_id"]) for row in rows}) == 6
    assert all(0 <= row[count] <= 3 for row in rows for count in ("from_noise", "from_photo", "style_only"))
    shown = capsys.readouterr().out
    assert "compact@1, large: 96 px" in shown
    assert shown.count("**median**") == 3


def row(**figures):
    about = ("main", "m@1", "0", 512, "vgg", 40, "starry_night", "lakeside.jpg", 0.1, 0.05, 0.5)
    counts = {"from_noise": 30, "from_photo": 20, "style_only": 40, "seconds": 1.0}
    return quality.Row(*about, **(counts | figures))


def test_the_report_has_the_smaller_count_of_a_style_and_marks_what_gatys_did_not_reach():
    lines = quality.report([row(), row(from_noise=25, style_only=40)]).splitlines()
    assert lines[2] == "| starry_night | 0.1000 | 0.0500 | 0.5000 | 25 | 20 | >=40 |"
    assert lines[3] == "| **median** |  |  |  | 27.5 | 20 | >=40 |"


def test_the_few_pairs_are_from_all_over_the_catalogue():
    pairs = quality.spread([f"s{number}" for number in range(22)], 6)
    assert [style for style, _ in pairs] == ["s0", "s3", "s7", "s11", "s14", "s18"]
    assert {photo for _, photo in pairs} == set(unseen.FIRST)
    assert len(quality.spread(["a", "b"], 6)) == 2


def test_more_unseen_photos_begin_with_the_same_two():
    assert unseen.unseen(1) == ["lakeside.jpg"]
    assert unseen.unseen(4)[:2] == list(unseen.FIRST)
    assert sorted(unseen.unseen(1000)) == sorted(unseen.NAMES)
    assert len(set(unseen.unseen(7))) == 7
