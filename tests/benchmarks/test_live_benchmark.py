"""The benchmark of live sessions, with a server of its own and small frames."""

import json

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
