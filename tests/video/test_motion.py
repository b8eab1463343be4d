"""Motion that is known exactly."""

import pytest
import torch

from app.video.motion import found_flow, grid


@pytest.fixture(scope="module")
def photo():
    """(1, 3, 96, 128), smooth."""
    y, x = torch.meshgrid(torch.linspace(0, 9, 96), torch.linspace(0, 12, 128), indexing="ij")
    return torch.stack([torch.sin(x + y), torch.cos(x - y), torch.sin(2 * x)])[None] / 2 + 0.5


def test_a_shift_by_whole_small_pixels_is_found():
    noise = torch.rand(1, 3, 56, 72, generator=torch.Generator().manual_seed(0)).repeat_interleave(4, 2)
    wide = noise.repeat_interleave(4, 3)
    before, frame = wide[:, :, 16:112, 16:144], wide[:, :, 20:116, 24:152]
    flow = found_flow(before, frame) - grid(96, 128)
    middle = flow[0, 32:-32, 32:-32] * torch.tensor([64, 48])
    assert torch.allclose(middle, torch.tensor([8.0, 4.0]).expand_as(middle), atol=0.5)


def test_where_nothing_moves_no_shift_is_found(photo):
    frame = photo + torch.randn(photo.shape, generator=torch.Generator().manual_seed(0)) * 2 / 255
    shifts = (found_flow(photo, frame) - grid(96, 128)) * torch.tensor([64, 48])
    assert shifts.abs().mean() < 0.1
