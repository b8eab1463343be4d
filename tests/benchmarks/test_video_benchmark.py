"""What the benchmark of clips measures: exact flows, and what each way keeps."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from app.imaging.picture import Picture
from app.nets.norm import InstanceNorm
from app.video.frame import Frame
from app.video.writing import write_clip
from benchmarks.quality import video


@pytest.fixture(scope="module")
def photo():
    """(1, 3, 96, 128), smooth, so that interpolation loses nothing."""
    y, x = torch.meshgrid(torch.linspace(0, 9, 96), torch.linspace(0, 12, 128), indexing="ij")
    return torch.stack([torch.sin(x + y), torch.cos(x - y), torch.sin(2 * x)])[None] / 2 + 0.5


@pytest.fixture(autouse=True)
def without_noise(monkeypatch):
    monkeypatch.setattr(video, "NOISE", 0)


def test_along_its_flow_a_clip_is_the_same_in_every_frame(photo, monkeypatch):
    monkeypatch.setattr(video, "ZOOM", 1.05)  # more than interpolation makes of so small a clip
    monkeypatch.setattr(video, "FLICKER", 0)
    for clip in video.clips([photo, photo.flip(3)], 64, 4):
        assert clip.frames.shape == (4, 3, 48, 64)
        assert 0.8 < clip.seen.mean().item() <= 1
        # Rounding to 8 bits, interpolation and the hard edge of the disc are all that is left of it.
        error = video.warping_error(clip.frames, clip)
        assert error < 2, clip.name
        if clip.name in ("pan", "zoom"):
            standing = video.Clip("standing", clip.frames, video.grid(48, 64).expand(3, -1, -1, -1), clip.seen)
            assert video.warping_error(clip.frames, standing) > 1.5 * error


def test_a_light_that_flickers_comes_and_goes_by_its_share(photo):
    clip = video.flickering_clip(photo / 2, 64, 7)
    lights = clip.frames.mean((1, 2, 3)) / clip.frames[0].mean()
    assert lights.tolist() == pytest.approx([1, 1.069, 0.931, 1, 1.069, 0.931, 1], abs=0.005)
    assert torch.equal(clip.flow, video.grid(48, 64).expand(6, -1, -1, -1))


def test_smoothing_keeps_so_much_of_the_frame_before():
    frames = torch.zeros(3, 3, 4, 4)
    frames[1:] = 1
    assert video.smoothed(frames, 0.25)[:, 0, 0, 0].tolist() == [0, 0.25, 0.4375]


def test_what_stays_is_kept_and_a_cut_is_not(photo):
    clip = video.finished("a cut", torch.cat([photo, photo, 1 - photo]), video.grid(96, 128).expand(2, -1, -1, -1))
    painted = torch.stack([torch.full((3, 96, 128), value) for value in (0.0, 1.0, 0.5)])
    shown = video.steadied(clip, painted, 0.75)
    assert torch.allclose(shown[1], torch.tensor(0.25))
    assert torch.allclose(shown[2].median(), torch.tensor(0.5))


def test_norms_are_smoothed_within_the_context_and_are_themselves_after_it():
    network = nn.ModuleList([InstanceNorm(2)])
    [norm] = network
    gamma, beta = torch.ones(1, 2), torch.zeros(1, 2)
    x, other = (torch.rand(1, 2, 5, 5, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    plain = norm(other, gamma, beta)
    with video.SmoothedNorms(network, 0.0):
        assert torch.allclose(norm(x, gamma, beta), norm(x, gamma, beta))
        smoothed = norm(other, gamma, beta)
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    assert torch.allclose(smoothed, (other - mean) * torch.rsqrt(variance + 1e-5))
    assert torch.equal(norm(other, gamma, beta), plain)


def test_it_runs_and_prints_a_row_for_each_way(models_dir, astronaut, tmp_path, capsys):
    views = [np.ascontiguousarray(astronaut[100:196, 4 * t : 4 * t + 128]) for t in range(4)]
    frames = (Frame(Picture(view), Fraction(t, 10), Fraction(1, 10)) for t, view in enumerate(views))
    write_clip(tmp_path / "film.mp4", "mp4", frames, 90)
    given = ["--models", str(models_dir), "--styles", "great_wave", "--edge", "64", "--frames", "3", "--photos", "1"]
    video.main([*given, "--films", str(tmp_path / "film.mp4"), "--json", str(tmp_path / "rows.json")])
    printed = capsys.readouterr().out
    assert "| one by one |" in printed
    assert "| film |" in printed
    assert (tmp_path / "rows.json").exists()
