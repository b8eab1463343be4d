"""Versions of networks for one style: running statistics are stored, checked and come back."""

import json

import pytest
import torch
from safetensors.torch import load, load_file, save
from tiny_models import STYLES, publish_tiny

from app.nets.architectures import build_generator
from app.nets.norm import StyleRows
from app.registry.error import InvalidModel
from app.registry.manifest import Appended, Architecture, Style
from app.registry.publish import draft, draft_addition
from app.registry.repository import Repository, describe

OPTIONS = {"widths": (4, 8), "blocks": 1}


def publish_batch(root, styles=STYLES[1:], architecture="johnson"):
    torch.manual_seed(0)
    generator = build_generator(architecture, OPTIONS, "batch")
    rows = StyleRows(len(styles), generator.features)
    generator(torch.rand(4, 3, 32, 32), *rows(torch.zeros(4, dtype=torch.int64)))
    about = {"descriptor": "none", "recipe": {}, "metrics": {}, "extras": {}}
    made = Architecture(name=architecture, options=OPTIONS, norm="batch")
    draft("one", generator, rows, architecture=made, styles=styles, **about).write(root)
    return generator.eval()


def test_statistics_come_back_to_the_bit(tmp_path):
    generator = publish_batch(tmp_path)
    model = Repository(tmp_path).load("one")
    assert model.manifest.architecture.norm == "batch"
    loaded = dict(model.generator.named_buffers())
    assert loaded.keys() == dict(generator.named_buffers()).keys()
    for name, statistic in generator.named_buffers():
        assert torch.equal(loaded[name], statistic), name
    x, rows = torch.rand(1, 3, 20, 30), model.rows(torch.tensor([0]))
    torch.testing.assert_close(model.generator(x, *rows), generator(x, *rows), atol=2e-3, rtol=0)


def test_statistics_are_stored_as_float32(tmp_path):
    publish_batch(tmp_path)
    stored = load_file(tmp_path / "one" / "1" / "model.safetensors")
    kinds = {tensor.dtype for name, tensor in stored.items() if name.endswith((".mean", ".variance"))}
    assert kinds == {torch.float32}


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda tensors: tensors.pop("generator.entry.norm.mean"), "not those of its architecture"),
        (lambda tensors: tensors["generator.entry.norm.variance"].fill_(-1), "below 0, which no variance has"),
        (lambda tensors: tensors["generator.entry.norm.variance"].fill_(torch.nan), "not finite"),
        (lambda tensors: tensors.update({"generator.entry.norm.mean": torch.zeros(5)}), r"has shape \(5,\)"),
    ],
)
def test_statistics_that_are_none_are_refused(tmp_path, change, pattern):
    publish_batch(tmp_path)
    folder = tmp_path / "one" / "1"
    tensors = load((folder / "model.safetensors").read_bytes())
    change(tensors)
    content = save(tensors)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.safetensors"] = describe(content).model_dump()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(InvalidModel, match=pattern):
        Repository(tmp_path).load("one")


@pytest.mark.parametrize("architecture", ["johnson", "paper"])
def test_two_styles_are_not_published_for_one(tmp_path, architecture):
    with pytest.raises(InvalidModel, match="has one style, not 2"):
        publish_batch(tmp_path, (*STYLES[1:], Style(id="c", title="C")), architecture)
    assert Repository(tmp_path).versions("one") == []


def test_no_style_is_appended_to_one(tmp_path):
    generator = publish_batch(tmp_path)
    base = Repository(tmp_path).load("one")
    rows = StyleRows(1, generator.features)
    appended = {
        "base": "one@1",
        "base_sha256": "0" * 64,
        "created": "",
        "styles": {"c": {"painting_sha256": "0" * 64, "started_from": None}},
        "descriptor": "none",
        "pictures": "",
        "recipe": {},
    }
    with pytest.raises(InvalidModel, match="has one style, not 2"):
        draft_addition(
            base,
            rows,
            styles=(Style(id="c", title="C"),),
            appended=Appended.model_validate(appended),
            metrics={},
            extras={},
        )


@pytest.mark.parametrize("norm", [None, "cin", "instance"])
def test_older_manifests_are_of_instance_normalisation(tmp_path, norm):
    publish_tiny(tmp_path)
    path = tmp_path / "tiny" / "1" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["architecture"].pop("norm")
    if norm:
        manifest["architecture"]["norm"] = norm
    path.write_text(json.dumps(manifest))
    model = Repository(tmp_path).load("tiny")
    assert model.manifest.architecture.norm == "instance"
    assert not list(model.generator.buffers())
