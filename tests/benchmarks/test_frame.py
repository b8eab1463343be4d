import pytest
import torch

from app.nets.descriptor import Descriptor
from benchmarks.quality.frame import explained

ENTRY = (torch.eye(3), torch.zeros(3))


def network(kernel):
    """One convolution of three channels, each of which sees its own colour through the kernel."""
    weight = torch.zeros(3, 3, 3, 3)
    weight[range(3), range(3)] = kernel
    return Descriptor(ENTRY, {"1_1": (weight, torch.zeros(3))})


@pytest.fixture
def photo():
    return torch.rand(1, 3, 8, 10, generator=torch.Generator().manual_seed(0))


def test_without_a_look_at_the_neighbours_a_frame_leaves_nothing(photo):
    kernel = torch.zeros(3, 3)
    kernel[1, 1] = 1
    framed = network(kernel)
    assert explained(framed, framed.padded("reflect"), [photo]) == {"relu1_1": 1}


def test_what_a_frame_leaves_is_what_the_mirrored_network_does_not_explain(photo):
    kernel = torch.zeros(3, 3)
    kernel[1, 0] = 1  # the neighbour on the left: 0 or, mirrored, the one on the right
    framed = network(kernel)
    feature = torch.cat([torch.zeros(1, 3, 8, 1), photo[..., :-1]], dim=3)
    spread = (feature - feature.mean(dim=(2, 3), keepdim=True)).square().sum()
    expected = 1 - photo[..., 1].square().sum() / spread
    found = explained(framed, framed.padded("reflect"), [photo])["relu1_1"]
    assert found == pytest.approx(float(expected), rel=1e-5)
