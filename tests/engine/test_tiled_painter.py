"""Pictures painted in tiles, beside the same ones painted whole, by the shipped network."""

from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from engine_fakes import CPU
from PIL import Image

from app.engine import tiled_painter
from app.engine.device import Device, can_compile
from app.engine.openvino_graph import OpenVinoGraph
from app.engine.tiled_painter import TiledPainter
from app.errors import EngineFailed
from app.imaging.region import Enlargement
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS

COMPILING = Device(torch.device("cpu"), torch.float32, "cpu", threads=1, compiles=True)


@pytest.fixture(scope="module")
def photo():
    path = Path(skimage.__file__).parent / "data" / "astronaut.png"
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def model():
    return Repository(SHIPPED_MODELS).load("compact")


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiled_painter, "TILE_EDGE", 304)


def row(model, style):
    index = model.manifest.style_ids.index(style)
    return tuple(values[index : index + 1].detach() for values in (model.rows.gamma, model.rows.beta))


def source(pixels):
    return Enlargement(pixels, pixels.shape[1], pixels.shape[0])


@torch.inference_mode()
def whole(generator, pixels, gamma, beta):
    x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
    return (generator(x, gamma, beta)[0] * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.skipif(not can_compile(), reason="OpenVINO is not installed")
@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("style", ["great_wave", "woodcut", "the_scream", "mondrian_composition"])
def test_a_picture_in_tiles_is_the_whole_one_within_a_step(model, photo, style):
    """On a smaller processor's float32: with bfloat16 both are off by its rounding, each in its own way."""
    pixels = photo[:401, 50:477]
    gamma, beta = row(model, style)
    shares = []
    painted = TiledPainter(model.generator, COMPILING, gamma, beta).paint(source(pixels), shares.append)
    exact = OpenVinoGraph(model.generator, torch.float32, 1).paint(pixels, gamma, beta)
    difference = np.abs(painted.astype(int) - exact)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02
    assert len(shares) == 16
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.usefixtures("small_tiles")
def test_so_it_is_where_nothing_is_compiled(model, photo):
    pixels = photo[100:420, :290]
    gamma, beta = row(model, "starry_night")
    painted = TiledPainter(model.generator, CPU, gamma, beta).paint(source(pixels), lambda share: None)
    assert np.abs(painted.astype(int) - whole(model.generator, pixels, gamma, beta)).max() <= 1


@pytest.mark.usefixtures("small_tiles")
def test_tiles_show_no_seam_where_the_statistics_are_those_of_samples(model, photo, monkeypatch):
    """Across a border of two tiles neighbours differ as much as anywhere."""
    monkeypatch.setattr(tiled_painter, "MEASURED_MEGAPIXELS", 0)
    monkeypatch.setattr(tiled_painter, "SAMPLE_EDGE", 96)
    gamma, beta = row(model, "great_wave")
    edges = []

    def watched(seen, painted):
        edges.append(painted.shape)
        return painted

    painted = TiledPainter(model.generator, CPU, gamma, beta).paint(source(photo[:300]), lambda share: None, watched)
    assert len(edges) > 4
    steps = np.abs(np.diff(painted.astype(int), axis=1)).mean(axis=(0, 2))
    border = 112 - model.generator.margin  # of the first tile, as `spans` has it
    assert steps[border - 1] < steps.mean() + 3 * steps.std()


def test_a_panorama_that_is_narrower_than_the_network_wants_is_painted(model, photo):
    pixels = np.ascontiguousarray(photo[200:209, :200])
    gamma, beta = row(model, "rhone")
    painted = TiledPainter(model.generator, CPU, gamma, beta).paint(source(pixels), lambda share: None)
    assert np.abs(painted.astype(int) - whole(model.generator, pixels, gamma, beta)).max() <= 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_row_that_is_not_a_number_is_an_error(model, photo, bad):
    gamma, beta = row(model, "rhone")
    broken = beta.clone()
    broken[0, 3] = bad
    painter = TiledPainter(model.generator, CPU, gamma, broken)
    with pytest.raises(EngineFailed, match="failed on this image"):
        painter.paint(source(photo[:64, :64]), lambda share: None)
