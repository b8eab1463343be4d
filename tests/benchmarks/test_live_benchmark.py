"""The benchmark of live sessions, with a server of its own and small frames."""

import json

import pytest

from benchmarks.service import live


def test_it_measures_sessions_side_by_side(tmp_path, models_dir, monkeypatch, capsys):
    monkeypatch.setenv("PASTICHE_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("PASTICHE_MODELS", "compact")
    file = tmp_path / "rows.json"
    live.main(["--edges", "64", "--sessions", "1", "--style", "great_wave", "--seconds", "2", "--json", str(file)])
    [row] = json.loads(file.read_text())
    assert (row["edge"], row["sessions"], row["painted"]) == (64, 1, 64)
    assert row["rate"] > 0
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert "| 64 | 1 |" in capsys.readouterr().out


def test_the_camera_moves():
    frames = live.camera(64)
    assert len(set(frames)) == live.DISTINCT_FRAMES


def test_the_second_frame_is_due_just_before_the_first_ones_answer():
    due = live.Due(eager=False)
    assert due.seconds(5.0) == 0
    due.note(10.0, 0.150, {"total": 140.0, "waited": 40.0})  # painting takes 100 ms, the way 10
    assert due.seconds(10.0) == pytest.approx(0.100 - 0.010 - live.SPARE_SECONDS)
    assert due.seconds(10.2) == 0
    due.note(10.1, 0.110, {"total": 100.0, "waited": 50.0})
    assert due.seconds(10.1) == pytest.approx(0.090 - 0.010 - live.SPARE_SECONDS)
    eager = live.Due(eager=True)
    eager.note(10.0, 0.150, {"total": 140.0, "waited": 40.0})
    assert eager.seconds(10.0) == 0
