"""Each artifact is found where it has been drawn by hand, and not where there is none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.quality import artifacts
from benchmarks.quality.blank_pictures import (
    DARK,
    EDGE,
    LIGHT,
    as_tensor,
    distance_to_bar,
    distance_to_disc,
    luminance,
    shape,
    sky,
)
from benchmarks.quality.dots import dots
from benchmarks.quality.halo import mean_of, profiles


def rng():
    return np.random.default_rng(1)


def textured():
    """Luminance of a painting without artifacts: coloured noise."""
    return luminance(as_tensor(sky(rng()))) + rng().normal(0, 6, (EDGE, EDGE))


@pytest.mark.parametrize("period", artifacts.PERIODS)
def test_a_grid_stands_out_at_its_period_alone(period):
    assert artifacts.peak(artifacts.excess(textured()), period) < 12
    grid = 3 * (np.arange(EDGE) % period < period / 2)
    spectrum = artifacts.excess(textured() + grid)
    assert artifacts.peak(spectrum, period) > 25
    # A square wave of period 8 has no even harmonics, so nothing at 4 and 2 pixels.
    assert all(artifacts.peak(spectrum, other) < 15 for other in artifacts.PERIODS if other != period)
    level, found = artifacts.strongest(spectrum)
    assert (found, level > 25) == (pytest.approx(period, rel=0.02), True)


@pytest.mark.parametrize("period", artifacts.PERIODS)
def test_a_grid_is_as_strong_as_its_pattern_whatever_lies_over_it(period):
    assert artifacts.grid(textured(), period) < 0.8
    pattern = np.tile(rng().normal(0, 5, (period, period)), (EDGE // period, EDGE // period))
    assert artifacts.grid(100 + pattern[: EDGE - 1, : EDGE - 3], period) == pytest.approx(pattern.std())
    assert artifacts.grid(textured() + pattern, period) == pytest.approx(pattern.std(), rel=0.2)


def test_grain_that_the_painting_lacks_is_found_at_its_frequency():
    down, across = np.mgrid[:EDGE, :EDGE]
    waves = rng().normal(0, 0.3, EDGE).cumsum()  # phases that wander, so that no peak is narrow
    hatching = 8 * np.cos(2 * np.pi * (0.375 * down - 0.125 * across) + waves)
    painting, other = textured(), textured()[::-1].copy()
    assert artifacts.strongest_grain(artifacts.grain(other, painting))[0] < 3
    level, *frequency = artifacts.strongest_grain(artifacts.grain(other + hatching, painting))
    assert level > 3
    assert frequency in ([pytest.approx(-0.375), pytest.approx(0.125)], [pytest.approx(0.375), pytest.approx(0.125)])


def test_a_mesh_along_the_border_has_more_contrast_than_the_inside():
    luma = np.tile([100.0, 110.0], (EDGE, EDGE // 2))  # a standard deviation of 5 everywhere
    assert artifacts.border_contrast(luma) == pytest.approx(1)
    luma[:8] = luma[-8:] = luma[0] * 3 - 210
    luma[:, :8] = luma[:, -8:] = np.tile([90.0, 120.0], (EDGE, 4))
    assert artifacts.border_contrast(luma) == pytest.approx(3)


def test_a_border_is_lighter_or_darker_than_the_inside():
    luma = np.full((EDGE, EDGE), 100.0)
    assert artifacts.border(luma) == 0
    luma[:4] += 20
    assert artifacts.border(luma) == pytest.approx(20 * 4 * EDGE / (EDGE**2 - (EDGE - 16) ** 2))


@pytest.mark.parametrize("distance", [distance_to_disc(), distance_to_bar()])
@pytest.mark.parametrize("inside", [DARK, LIGHT])
def test_a_clean_edge_has_no_halo_and_a_drawn_one_has_its_height(distance, inside):
    luma = luminance(as_tensor(shape(rng(), distance, inside)))
    clean = profiles(luma, distance, inside == LIGHT)
    assert clean.light[60] == pytest.approx(255 * LIGHT, abs=1)
    assert clean.dark[60] == pytest.approx(255 * DARK, abs=1)
    assert abs(clean.light_halo) < 0.6
    assert abs(clean.dark_halo) < 0.6
    light_side = (distance > 0) == (inside == DARK)
    ring = (np.abs(distance) > 4) & (np.abs(distance) < 16)
    drawn = profiles(luma + 20 * (ring & light_side) - 9 * (ring & ~light_side), distance, inside == LIGHT)
    assert drawn.light_halo == pytest.approx(20, abs=0.6)
    assert drawn.dark_halo == pytest.approx(9, abs=0.6)
    assert drawn.chance < 0.6
    assert mean_of([clean, drawn]).light_halo == pytest.approx(10, abs=0.6)


def test_dots_are_counted_and_noise_and_faint_ones_are_not():
    noise = 128 + rng().normal(0, 2, (EDGE, EDGE))
    assert dots(noise) == 0
    places = np.random.default_rng(2).permutation(np.arange(20, EDGE - 20, 12))[:30]
    spotted, faint = noise.copy(), np.full((EDGE, EDGE), 128.0)
    for y, x in zip(places, np.roll(places, 7), strict=True):
        spotted[y - 1 : y + 2, x - 1 : x + 2] += 60
        faint[y - 1 : y + 2, x - 1 : x + 2] += 3
    assert dots(spotted) == pytest.approx(30 / EDGE**2 * 1e6)
    assert dots(faint) == 0


def test_the_report_has_a_line_for_every_style(inputs, models_dir, tmp_path, capsys):
    (tmp_path / "paintings").mkdir()
    for style in ("charcoal", "great_wave"):
        (tmp_path / "paintings" / f"{style}.png").symlink_to(inputs / "paintings" / "great_wave.png")
    where = ["--paintings", str(tmp_path / "paintings"), "--models", str(models_dir), "--model", "sketch"]
    artifacts.main([*where, "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found["styles"]) == {"charcoal", "great_wave"}
    assert found["shared_halo"].keys() == {"light", "dark", "chance"}
    shown = capsys.readouterr().out
    assert all(f"| {style} |" in shown for style in found["styles"])
    assert "shared grain:" in shown
