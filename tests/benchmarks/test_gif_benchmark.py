"""What the benchmark of GIFs measures."""

import numpy as np
import pytest

from benchmarks.quality import gif


def test_a_gif_that_is_its_clip_has_no_error_and_no_flicker_and_a_shift_has_no_flicker():
    clip = np.random.default_rng(0).integers(0, 200, (3, 8, 8, 3), np.uint8)
    assert gif.measures(clip, clip) == (0, 0, 0)
    assert gif.measures(clip + 20, clip) == pytest.approx((20, 20, 0))
    checkered = clip + (np.indices((8, 8)).sum(0) % 2 * 20).astype(np.uint8)[None, :, :, None]
    error, seen, flicker = gif.measures(checkered, clip)
    assert (error, seen, flicker) == pytest.approx((20 / 2**0.5, 10, 0))


def test_it_runs_and_prints_a_row_for_each_palette(models_dir, capsys):
    gif.main(["--models", str(models_dir), "--styles", "great_wave", "--edge", "64", "--frames", "3"])
    printed = capsys.readouterr().out
    assert all(f"| {name} |" in printed for name in [*gif.WAYS, "as it is written"])
