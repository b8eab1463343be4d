"""Style encoders on disk: found for their generator, verified, and refused for another one."""

import json

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import publish_tiny

from app.nets.descriptor import load_descriptor
from app.nets.style_encoder import StyleEncoder
from app.registry.descriptors import publish_descriptor
from app.registry.encoders import (
    MissingEncoder,
    OtherGenerator,
    digest_of,
    find_encoder,
    load_encoder,
    publish_encoder,
)
from app.registry.error import InvalidModel
from app.registry.repository import Repository


@pytest.fixture
def root(tmp_path, random_descriptor):
    network = load_descriptor(load_file(random_descriptor))
    publish_descriptor(tmp_path, "eye", network, teachers=(), recipe={}, metrics={}, card="# eye\n")
    publish_tiny(tmp_path)
    publish_tiny(tmp_path, seed=1)
    return tmp_path


def publish(root, label="tiny@1", **changes):
    model = Repository(root).load(label)
    encoder = StyleEncoder({"relu1_1": 6, "relu2_1": 6}, model.generator.features, rank=2, hidden=8, bottleneck=3)
    encoder.requires_grad_(False).begin_at(model.rows)
    about = {"network": "eye", "stroke": 64, "recipe": {}, "metrics": {}, "card": "# tiny-encoder\n"}
    return publish_encoder(root, "tiny-encoder", encoder, model, **(about | changes))


def test_an_encoder_is_found_for_its_generator(root):
    assert publish(root).label == "tiny-encoder@1"
    model = Repository(root).load("tiny@1")
    found = find_encoder(root, model)
    gamma, beta = found.encoder(found.network(torch.rand(1, 3, 40, 48), found.encoder.layers))
    torch.testing.assert_close(gamma[0], model.rows.gamma.mean(dim=0))
    torch.testing.assert_close(beta[0], model.rows.beta.mean(dim=0))
    found.check_fits(model)


def test_it_is_found_for_versions_that_differ_in_styles_only(root):
    publish(root)
    one = Repository(root).load("tiny@1")
    other = Repository(root).load("tiny@1")
    other.rows.gamma.add_(1)
    assert digest_of(one.generator) == digest_of(other.generator)
    assert find_encoder(root, other).manifest.version == 1


def test_another_generator_has_none_and_is_refused(root):
    publish(root)
    other = Repository(root).load("tiny@2")
    with pytest.raises(MissingEncoder, match="no style encoder for tiny@2"):
        find_encoder(root, other)
    with pytest.raises(OtherGenerator, match="for the generator of tiny@1"):
        load_encoder(root / "tiny-encoder" / "1").check_fits(other)


def test_the_newest_one_is_found(root):
    publish(root)
    publish(root)
    assert find_encoder(root, Repository(root).load("tiny@1")).manifest.version == 2


def test_an_encoder_is_no_model(root):
    publish(root)
    assert Repository(root).names() == ["tiny"]


@pytest.mark.parametrize("file", ["model.safetensors", "card.md"])
def test_a_changed_file_is_refused(root, file):
    publish(root)
    path = root / "tiny-encoder" / "1" / file
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(InvalidModel, match="another SHA-256"):
        load_encoder(root / "tiny-encoder" / "1")


@pytest.mark.parametrize(
    ("member", "value", "complaint"),
    [
        ("version", 2, "not one of that style encoder"),
        ("network", "eye@2", "no loss network eye@2"),
        ("network_sha256", "0" * 64, "another eye@1"),
        ("sizes", {"channels": {"relu1_1": 6}, "features": 3, "rank": 2, "hidden": 8, "bottleneck": 3}, "weights of"),
        ("stroke", 0, "is broken"),
    ],
)
def test_a_changed_manifest_is_refused(root, member, value, complaint):
    publish(root)
    path = root / "tiny-encoder" / "1" / "encoder.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {member: value}))
    with pytest.raises(InvalidModel, match=complaint):
        load_encoder(root / "tiny-encoder" / "1")


def test_without_its_loss_network_it_is_not_published(root):
    with pytest.raises(InvalidModel, match="no loss network another"):
        publish(root, network="another")
