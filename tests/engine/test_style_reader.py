"""A style image as a row: the same for the same image, at whatever size it comes."""

import copy

import numpy as np
import pytest
import torch
from engine_fakes import SilentRequest
from PIL import Image
from safetensors.torch import load_file

from app.engine import style_reader
from app.engine.device import can_compile
from app.engine.style_reader import CompiledStatistics, StyleReader, of_torch
from app.nets.descriptor import STYLE_LAYERS, load_descriptor
from app.nets.precision import supports_bfloat16
from app.nets.style_encoder import StyleEncoder
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.settings import SHIPPED_MODELS


@pytest.fixture
def reader(random_descriptor):
    torch.manual_seed(0)
    encoder = StyleEncoder({"relu1_1": 6, "relu3_1": 6}, 12, rank=2, hidden=8, bottleneck=3).requires_grad_(False)
    return StyleReader(load_descriptor(load_file(random_descriptor)), encoder, 96)


def test_the_same_image_has_the_same_code(reader, astronaut):
    assert torch.equal(reader.code(astronaut), reader.code(astronaut.copy()))
    assert reader.code(astronaut).shape == (1, 3)
    assert not torch.equal(reader.code(astronaut), reader.code(255 - astronaut))


def test_an_image_has_nearly_the_same_code_at_another_size(reader, astronaut):
    smaller = np.asarray(Image.fromarray(astronaut).resize((256, 256), Image.Resampling.LANCZOS))
    once, again, inverted = (reader.code(image) for image in (astronaut, smaller, 255 - astronaut))
    assert (once - again).norm() < 0.1 * (once - inverted).norm()


def test_codes_become_rows(reader, astronaut):
    gamma, beta = reader.row(torch.cat([reader.code(astronaut), reader.code(255 - astronaut)]))
    assert gamma.shape == beta.shape == (2, 12)


def test_an_image_of_one_pixel_has_a_row(reader):
    gamma, _ = reader.row(reader.code(np.zeros((1, 1, 3), np.uint8)))
    assert gamma.isfinite().all()


@pytest.mark.parametrize("shape", [(1, 2000), (2000, 1), (3, 40)])
def test_a_strip_too_thin_for_the_loss_network_has_a_row(reader, shape):
    gamma, _ = reader.row(reader.code(np.full((*shape, 3), 99, np.uint8)))
    assert gamma.isfinite().all()


@pytest.fixture(scope="module")
def shipped():
    """The shipped loss network, and an encoder with random weights that reads all of its style layers."""
    torch.manual_seed(0)
    network = load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR)
    widths = {layer: network.convolutions[layer.removeprefix("relu")].out_channels for layer in STYLE_LAYERS}
    encoder = StyleEncoder(widths, 12, rank=4, hidden=8, bottleneck=3).requires_grad_(False)
    return network, encoder


@pytest.mark.skipif(not can_compile(), reason="OpenVINO is not installed")
class TestCompiled:
    def test_it_reads_what_torch_reads(self, shipped, astronaut):
        network, encoder = shipped
        compiled = CompiledStatistics(network, encoder, torch.float32)
        for picture in (astronaut, astronaut[:97, :301], astronaut[:33, :32]):
            exact = of_torch(network, encoder, picture)
            # Their squares: roots make much of what is nearly nothing.
            torch.testing.assert_close(compiled(picture).square(), exact.square(), rtol=2e-3, atol=2e-4)

    def test_of_a_picture_of_one_colour_it_reads_nearly_that(self, shipped):
        network, encoder = shipped
        picture = np.full((40, 60, 3), 200, np.uint8)
        compiled, exact = (
            CompiledStatistics(network, encoder, torch.float32)(picture),
            of_torch(network, encoder, picture),
        )
        # Deviations are 0 there but for rounding: a thousandth of the values.
        torch.testing.assert_close(compiled.square(), exact.square(), rtol=2e-3, atol=0.01)

    @pytest.mark.skipif(not supports_bfloat16("cpu"), reason="this processor has no bfloat16 arithmetic")
    def test_bfloat16_moves_a_code_by_little(self, shipped, astronaut):
        network, encoder = shipped
        compiled = CompiledStatistics(network, encoder, torch.bfloat16)
        once, exact = encoder.code(compiled(astronaut)), encoder.code(of_torch(network, encoder, astronaut))
        other = encoder.code(of_torch(network, encoder, 255 - astronaut))
        assert (once - exact).norm() < 0.05 * (other - exact).norm()

    def test_a_reader_is_compiled(self, shipped, astronaut, monkeypatch):
        network, encoder = (copy.deepcopy(part) for part in shipped)
        reader = StyleReader(network, encoder, 96)
        monkeypatch.setattr(style_reader, "of_torch", None)
        assert reader.code(astronaut).isfinite().all()

    def test_a_graph_that_reads_something_else_is_not_used(self, shipped, astronaut, monkeypatch):
        network, encoder = (copy.deepcopy(part) for part in shipped)
        monkeypatch.setattr(
            CompiledStatistics, "__call__", lambda compiled, picture: 9 + torch.zeros_like(encoder.centre)[None]
        )
        reader = StyleReader(network, encoder, 96)
        monkeypatch.undo()
        exact = encoder.code(of_torch(*shipped, resized(astronaut, 96)))
        torch.testing.assert_close(reader.code(astronaut), exact, rtol=0.05, atol=0.05)

    def test_a_network_with_borders_of_zeros_is_left_to_torch(self, shipped, astronaut):
        network, encoder = (copy.deepcopy(part) for part in shipped)
        reader = StyleReader(network.padded("zeros"), encoder, 96)
        exact = encoder.code(of_torch(shipped[0].padded("zeros"), encoder, resized(astronaut, 96)))
        torch.testing.assert_close(reader.code(astronaut), exact, rtol=0.05, atol=0.05)

    def test_what_is_left_from_another_picture_is_known(self, shipped, astronaut, monkeypatch):
        compiled = CompiledStatistics(*shipped, torch.float32)
        exact = compiled(astronaut)
        monkeypatch.setattr(compiled._graph, "_request", SilentRequest(compiled._graph._request))
        with pytest.raises(MemoryError):
            compiled(255 - astronaut)
        assert torch.equal(compiled(astronaut), exact)


def resized(picture, edge):
    return np.asarray(Image.fromarray(picture).resize((edge, edge), Image.Resampling.LANCZOS, None, 3.0))
