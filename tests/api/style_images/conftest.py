"""An application whose default model has a style encoder; its other model has none."""

from __future__ import annotations

import shutil

import pytest
from picture_bytes import encoded, waves
from random_encoder import publish_random_encoder
from safetensors.torch import load_file

from app.nets.descriptor import load_descriptor
from app.registry.descriptors import publish_descriptor


@pytest.fixture(scope="session")
def encoded_models(models_dir, random_descriptor, tmp_path_factory):
    """The small models, a loss network, and an encoder for `compact`."""
    root = tmp_path_factory.mktemp("encoded") / "models"
    shutil.copytree(models_dir, root)
    network = load_descriptor(load_file(random_descriptor))
    publish_descriptor(root, "eye", network, teachers=(), recipe={}, metrics={}, card="# eye\n")
    publish_random_encoder(root)
    return root


@pytest.fixture(scope="module")
def studio(connect_once, encoded_models, tmp_path_factory):
    """A client of it, with a ledger of its own."""
    return connect_once(
        models_dir=encoded_models, data_dir=tmp_path_factory.mktemp("studio"), style_images_per_minute=10_000
    )


@pytest.fixture(scope="session")
def image():
    """image(number): a style image of its own."""

    def make(number, format="png"):
        return encoded(waves(64 + number, 80), format)

    return make
