"""The objective by the paper's equations, with numpy on the network's own features."""

import numpy as np
import pytest
import torch

from app.gatys.objective import GatysObjective
from app.gatys.options import GatysOptions
from app.nets.descriptor import Descriptor

LAYERS = {"style_layers": {"relu1_1": 0.5, "relu2_1": 0.25}, "content_layers": {"relu2_1": 2.0}}


@pytest.fixture
def descriptor():
    generator = torch.Generator().manual_seed(0)
    convolutions = {
        "1_1": (torch.randn(4, 3, 3, 3, generator=generator), torch.randn(4, generator=generator)),
        "2_1": (torch.randn(5, 4, 3, 3, generator=generator), torch.randn(5, generator=generator)),
    }
    return Descriptor((torch.eye(3), torch.zeros(3)), convolutions)


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(1, 3, *size, generator=generator) for size in ((12, 16), (12, 16), (10, 8), (14, 14))]


def test_the_papers_preset_is_equations_1_to_7(descriptor, pictures):
    x, photo, *paintings = pictures
    options = GatysOptions(recipe="paper", style_weight=3.0, content_weight=1e-3, **LAYERS)
    objective = GatysObjective(descriptor, photo, [(paintings[0], 0.25), (paintings[1], 0.75)], options)
    F, P, *A = ({k: v[0].double().numpy() for k, v in descriptor(p, ["relu1_1", "relu2_1"]).items()} for p in pictures)

    content = 2.0 * ((F["relu2_1"] - P["relu2_1"]) ** 2).sum() / 2
    style = 0.0
    for painting, weight in zip(A, (0.25, 0.75), strict=True):
        for layer, share in LAYERS["style_layers"].items():
            N = len(F[layer])
            G, S = (each.reshape(N, -1) @ each.reshape(N, -1).T / each[0].size for each in (F[layer], painting[layer]))
            style += weight * share * ((G - S) ** 2).sum() / (4 * N**2)

    losses, gradient = objective.evaluate(x)
    assert losses.content == pytest.approx(content, rel=1e-5)
    assert losses.style == pytest.approx(style, rel=1e-5)
    assert losses.total == pytest.approx(1e-3 * content + 3.0 * style, rel=1e-5)
    assert gradient.shape == x.shape


def test_the_gradient_is_that_of_finite_differences(descriptor, pictures):
    x, photo, painting, _ = pictures
    objective = GatysObjective(descriptor, photo, [(painting, 1.0)], GatysOptions(content_weight=0.5, **LAYERS))
    _, gradient = objective.evaluate(x)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2))
    step = 1e-3 * direction / direction.norm()
    rise = objective.evaluate(x + step)[0].total - objective.evaluate(x - step)[0].total
    assert rise == pytest.approx(2 * (gradient * step).sum().item(), rel=2e-2)


def test_the_photo_has_no_content_loss_and_the_painting_no_style_loss(descriptor, pictures):
    x, photo, *_ = pictures
    for losses in ("balanced", "paper"):
        objective = GatysObjective(descriptor, photo, [(x, 1.0)], GatysOptions(losses=losses, **LAYERS))
        assert objective.evaluate(photo)[0].content == 0
        assert objective.evaluate(x)[0].style == pytest.approx(0, abs=1e-12)


def test_the_balanced_content_loss_is_a_share_of_the_targets_energy(descriptor, pictures):
    x, photo, painting, _ = pictures
    objective = GatysObjective(descriptor, photo, [(painting, 1.0)], GatysOptions(**LAYERS))
    features, wanted = ({k: v[0].numpy() for k, v in descriptor(p, ["relu2_1"]).items()} for p in (x, photo))
    expected = 2 * ((features["relu2_1"] - wanted["relu2_1"]) ** 2).sum() / (wanted["relu2_1"] ** 2).sum()
    np.testing.assert_allclose(objective.evaluate(x)[0].content, expected, rtol=1e-5)
