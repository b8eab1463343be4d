"""What the options allow, and the paper's preset."""

import pytest
from pydantic import ValidationError

from app.gatys.options import GatysOptions


def test_the_papers_preset_is_the_papers_with_weights_for_the_network_that_ships():
    paper = GatysOptions(recipe="paper")
    assert paper.start == "noise"
    assert paper.optimiser == "lbfgs"
    assert paper.losses == "paper"
    assert paper.style_layers == {"relu1_1": 3, "relu2_1": 1.5, "relu3_1": 1, "relu4_1": 0.4, "relu5_1": 0.4}
    assert paper.content_layers == {"relu4_2": 1}
    assert paper.content_weight / paper.style_weight == 3e-8
    assert (paper.scales, paper.smoothness, paper.bounded, paper.precision) == (1, 1, True, "float32")


def test_what_is_given_beside_the_preset_counts():
    paper = GatysOptions(recipe="paper", content_weight=1e-4, start="content")
    assert (paper.content_weight, paper.start, paper.losses) == (1e-4, "content", "paper")


def test_options_survive_json():
    for options in (GatysOptions(), GatysOptions(recipe="paper", seconds=30, size=384)):
        assert GatysOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 15},
        {"size": 1025},
        {"stroke": 0.4},
        {"stroke": 2.1},
        {"stroke": float("nan")},
        {"seconds": 0},
        {"seconds": float("inf")},
        {"iterations": 0},
        {"scales": 0},
        {"learning_rate": 0},
        {"content_weight": -1},
        {"content_weight": float("nan")},
        {"style_weight": 0, "content_weight": 0},
        {"style_layers": {}},
        {"style_layers": {"relu1_1": 0}},
        {"style_layers": {"conv1_1": 1}},
        {"content_layers": {"relu6_1": 1}},
        {"seed": -1},
        {"color": "gray"},
        {"recipe": "mine"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_values_outside_their_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        GatysOptions(**wrong)
