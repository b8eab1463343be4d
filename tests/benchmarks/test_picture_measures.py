"""Colours, strokes and dials: exact figures for pictures that are known, and runs on a random model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from benchmarks.quality import palette, steadiness, strokes


def plain(red, green, blue, size=(8, 8)):
    return torch.tensor([red, green, blue])[None, :, None, None].expand(1, 3, *size).float()


def test_oklab_of_the_primaries():
    """Values of the publication's reference code."""
    for colour, expected in (
        ((1, 1, 1), (1, 0, 0)),
        ((1, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 0, 1), (0.45201, -0.03246, -0.31153)),
    ):
        np.testing.assert_allclose(palette.oklab(plain(*colour))[0], expected, atol=1e-4)


def test_the_spread_is_the_bures_distance():
    rng = np.random.default_rng(0)
    one, other = (np.cov(rng.normal(size=(3, 50))) for _ in range(2))
    cross = sqrtm(sqrtm(one) @ other @ sqrtm(one)).real
    assert palette.bures(one, other) == pytest.approx(np.sqrt(np.trace(one + other - 2 * cross)))
    assert palette.bures(one, one) == pytest.approx(0, abs=1e-6)
    assert palette.bures(one, 4 * one) == pytest.approx(np.sqrt(np.trace(one)))


def test_greys_differ_in_their_mean_alone():
    mean, spread = palette.distance(plain(1, 1, 1), plain(0, 0, 0))
    assert (mean, spread) == (pytest.approx(100, abs=0.01), pytest.approx(0, abs=1e-3))


def test_the_palette_of_every_style_and_of_gatys_in_a_few(options, tmp_path, capsys, monkeypatch):
    few = ["--edge", "48", "--gatys", "1", "--iterations", "2", "--curves", str(tmp_path / "curves.jsonl")]
    palette.main([*options, *few, "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    with_gatys = {"model", "photo", "Gatys from noise", "Gatys from the photo"}
    assert [set(figures) for figures in found.values()] == [with_gatys, *[{"model", "photo"}] * 3]
    assert len((tmp_path / "curves.jsonl").read_text().splitlines()) == 4  # two photos, two starts
    assert "| **median** |" in capsys.readouterr().out
    monkeypatch.delattr("benchmarks.quality.judge.gatys")
    palette.main([*options, *few, "--gatys", "4", "--known", "--json", str(tmp_path / "known.json")])
    assert json.loads((tmp_path / "known.json").read_text()) == found


def test_a_dial_that_goes_back_is_named():
    steady = steadiness.Dial("steady", (5.0, 4.0, 3.0, 2.0, 1.0), (0.0, 1.0, 2.0, 3.0, 4.0))
    broken = steadiness.Dial("broken", (5.0, 4.0, 4.0, 2.0, 1.0), (0.0, 1.0, 2.0, 3.0, 2.5))
    assert steady.breaks == []
    assert broken.breaks == ["falling from 0.25 to 0.5", "rising from 0.75 to 1"]
    shown = steadiness.report("Dials", [steady, broken])
    assert "Not steady: broken: falling from 0.25 to 0.5, rising from 0.75 to 1" in shown
    assert "All are steady." in steadiness.report("Dials", [steady])


def test_pairs_of_styles_are_different_and_from_all_over_the_catalogue():
    styles = [f"s{number}" for number in range(22)]
    pairs = list(steadiness.pairs(styles, 8))
    assert len({frozenset(pair) for pair in pairs}) == 8
    assert all(one != other for one, other in pairs)


def test_both_ends_of_the_dials_are_the_pictures_themselves(options, tmp_path):
    steadiness.main([*options, "--edge", "48", "--count", "2", "--blends", "2", "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert (len(found["strength"]), len(found["blends"])) == (4, 2)
    for dial in found["strength"]:
        assert dial["rising"][0] == pytest.approx(0, abs=1e-9)  # the photo has no content loss against itself
    # Both ends of a blend are styles alone: their style losses stand in the first table's last column.
    first = found["blends"][0]
    alone = {dial["name"]: dial["falling"][-1] for dial in found["strength"]}
    one, other = first["name"].split(" to ")
    assert first["rising"][0] == pytest.approx(alone[one], rel=1e-4)
    assert first["falling"][-1] == pytest.approx(alone[other], rel=1e-4)


def waves(edge, cycles):
    x = np.arange(edge) / edge
    luma = 0.5 + 0.4 * np.sin(2 * np.pi * cycles * x)
    return torch.from_numpy(np.tile(luma, (3, edge, 1))).float()[None]


def test_the_centroid_of_a_wave_is_its_frequency_in_cycles_per_picture():
    assert strokes.figures(waves(256, 32))[0] == pytest.approx(32, abs=0.1)
    assert strokes.figures(waves(512, 32))[0] == pytest.approx(32, abs=0.1)
    assert strokes.figures(waves(256, 32))[1] < 0.1
    assert strokes.figures(waves(256, 80))[1] == pytest.approx(100, abs=0.1)


def test_strokes_of_a_model_at_two_sizes(options, tmp_path, capsys):
    where = options[:4] + options[6:]  # this one needs no loss network
    strokes.main([*where, "--edge", "48", "--count", "2", "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert [list(figures) for figures in found.values()] == [["painting", "small", "large", "large_stroke"]] * 4
    assert all(figures["large_stroke"][0] < figures["large"][0] for figures in found.values())
    assert "48 px" in capsys.readouterr().out
