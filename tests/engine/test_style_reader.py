"""A style image as a row: the same for the same image, at whatever size it comes."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from app.engine.style_reader import StyleReader
from app.nets.descriptor import load_descriptor
from app.nets.style_encoder import StyleEncoder


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
