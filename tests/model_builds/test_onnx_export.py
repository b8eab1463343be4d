"""The ONNX graph paints what torch paints, whatever the sizes and however many pictures."""

from __future__ import annotations

import sys

import numpy as np
import onnxruntime
import pytest
import torch

from app.model_builds.onnx_export import ExportUnavailable, export_onnx
from app.nets.architectures import ARCHITECTURES, build_generator

SMALL = {
    "compact": {"widths": (4, 8), "blocks": 1, "fine": 4, "deep": (6, 10)},
    "compact, margin": {"widths": (4, 8), "blocks": 1, "fine": 4, "deep": (6, 10), "margin": 7},
    "johnson": {"widths": (4, 8), "blocks": 1},
    "paper": {"widths": (4, 8, 8), "blocks": 1},
    "texture": {"scales": 1, "width": 4},
    "ulyanov": {"scales": 2, "width": 4},
}
NORMS = dict.fromkeys(SMALL, "instance") | {"johnson": "batch"}
# Of 0..1; half an 8-bit step is twice as much.
TOLERANCE = 1e-3


# To export one takes 12 to 36 seconds, most of them torch's own imports and traces.
pytestmark = pytest.mark.sweep


@pytest.fixture(scope="module", params=sorted(SMALL))
def pair(request, tmp_path_factory):
    """A generator, and the session of its graph."""
    with torch.random.fork_rng():
        torch.manual_seed(4)
        generator = build_generator(request.param.split(",")[0], SMALL[request.param], NORMS[request.param])
        generator = generator.eval().requires_grad_(False)
    file = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(generator, file)
    assert [path.name for path in file.parent.iterdir()] == ["model.onnx"]
    return generator, onnxruntime.InferenceSession(file)


@pytest.mark.parametrize(
    "shape",
    # The size of the trace; one that needs no padding; odd ones; smaller than the least, to a single pixel; a sliver.
    [(2, 40, 56), (1, 64, 64), (3, 33, 47), (1, 17, 130), (2, 15, 16), (4, 7, 5), (1, 1, 1), (1, 300, 2)],
)
def test_it_paints_what_torch_paints(pair, shape):
    generator, session = pair
    batch, height, width = shape
    random = torch.Generator().manual_seed(sum(shape))
    picture = torch.rand(batch, 3, height, width, generator=random)
    gamma = 1 + torch.randn(batch, generator.features, generator=random) / 3
    beta = torch.randn(batch, generator.features, generator=random) / 3
    given = {"picture": picture.numpy(), "gamma": gamma.numpy(), "beta": beta.numpy()}
    [painting] = session.run(["painting"], given)
    expected = generator(picture, gamma, beta).numpy()
    assert painting.dtype == np.float32
    assert painting.shape == expected.shape
    assert np.abs(painting - expected).max() <= TOLERANCE
    assert painting.std() > TOLERANCE or height * width == 1


def test_its_sizes_have_names(pair):
    generator, session = pair
    assert {value.name: value.shape for value in (*session.get_inputs(), *session.get_outputs())} == {
        "picture": ["batch", 3, "height", "width"],
        "gamma": ["batch", generator.features],
        "beta": ["batch", generator.features],
        "painting": ["batch", 3, "height", "width"],
    }


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_a_missing_package_is_named(missing, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExportUnavailable, match=rf"no package {missing}: pip install '\.\[export\]' in the checkout"):
        export_onnx(ARCHITECTURES["compact"](**SMALL["compact"]), tmp_path / "model.onnx")
