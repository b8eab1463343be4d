"""A style encoder of random weights: every image has a row of its own."""

from __future__ import annotations

import torch

from app.nets.style_encoder import StyleEncoder
from app.registry.encoders import publish_encoder
from app.registry.repository import Repository

LAYERS = {"relu1_1": 6, "relu2_1": 6, "relu3_1": 6}


def publish_random_encoder(root, model="compact@1", seed=0):
    """The next version of `encoder`, which looks through the loss network `eye`."""
    found = Repository(root).load(model)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = StyleEncoder(LAYERS, found.generator.features, rank=2, hidden=8, bottleneck=5).requires_grad_(False)
        encoder.begin_at(found.rows)
        encoder.narrow.weight.normal_(0, 1)
    about = {"network": "eye", "stroke": 64, "recipe": {}, "metrics": {}, "card": "# encoder\n"}
    return publish_encoder(root, "encoder", encoder, found, **about)
