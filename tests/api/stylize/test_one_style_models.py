"""Models of the papers beside the default one: with one style and running statistics, and from noise at many scales."""

import numpy as np
import pytest
import torch
from picture_bytes import pixels

from app.engine.device import choose_device
from app.engine.stylizer import Stylizer
from app.nets.architectures import build_generator
from app.nets.norm import StyleRows
from app.registry.manifest import Architecture, Style
from app.registry.publish import draft
from app.registry.repository import Repository

MADE = {
    "johnson-bn": Architecture(name="johnson", options={"widths": (4, 8), "blocks": 1}, norm="batch"),
    "ulyanov-in": Architecture(name="ulyanov", options={"scales": 2, "width": 4}),
    "texture-in": Architecture(name="texture", options={"scales": 2, "width": 4}),
}
# Every one of them has a style that the default model has, too.
WAVE = Style(id="great_wave", title="The Great Wave")


def publish_random(root, name, architecture):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = build_generator(architecture.name, architecture.options, architecture.norm)
        rows = StyleRows(1, generator.features)
        generator(torch.rand(4, 3, 32, 32), *rows(torch.zeros(4, dtype=torch.int64)))  # moves running statistics
    about = {"descriptor": "none", "recipe": {}, "metrics": {}, "extras": {}}
    draft(name, generator, rows, architecture=architecture, styles=(WAVE,), **about).write(root)


@pytest.fixture(scope="module")
def root(tmp_path_factory, models_dir):
    root = tmp_path_factory.mktemp("papers")
    (root / "compact").symlink_to(models_dir / "compact")
    for name, architecture in MADE.items():
        publish_random(root, name, architecture)
    return root


@pytest.fixture(scope="module")
def served(connect_once, root, tmp_path_factory):
    return connect_once(models_dir=root, models=("compact", *MADE), data_dir=tmp_path_factory.mktemp("served"))


def test_the_catalogue_tells_which_model_offers_which_style(served):
    offered = served.get("/v1/styles", params={"all": "true"}).json()["styles"]
    assert [style["model"] for style in offered if style["id"] == "great_wave"] == [
        "compact@1",
        *(f"{name}@1" for name in MADE),
    ]
    for name in MADE:
        [style] = served.get("/v1/styles", params={"model": name}).json()["styles"]
        assert (style["id"], style["model"]) == ("great_wave", f"{name}@1")


def test_each_paints_by_its_name_what_its_network_paints(served, root, photo):
    for name in MADE:
        params = {"styles": "great_wave", "model": name, "format": "png"}
        response = served.post("/v1/stylize", params=params, content=photo)
        assert response.status_code == 200, response.text
        assert response.headers["pastiche-model"] == f"{name}@1"
        model = Repository(root).load(name)
        device = choose_device("cpu", "auto", torch.get_num_threads())
        stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
        [expected] = stylizer.paint([pixels(photo)], [{"great_wave": 1.0}])
        np.testing.assert_array_equal(pixels(response.content), expected)


def test_a_style_that_the_named_model_lacks_is_not_taken_from_another(served, photo):
    params = {"styles": "starry_night", "model": "johnson-bn"}
    response = served.post("/v1/stylize", params=params, content=photo)
    assert response.status_code == 422
    assert response.json()["type"] == "/problems/unknown-style"
