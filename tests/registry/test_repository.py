"""The repository: a version comes back as it was published, under its name and number."""

import os

import pytest
import torch
from safetensors.torch import load
from tiny_models import OPTIONS, PREVIEW, STYLES, publish_tiny

from app.nets.generators import Compact
from app.nets.norm import StyleRows
from app.registry.error import InvalidModel
from app.registry.manifest import Architecture
from app.registry.publish import draft
from app.registry.repository import Repository


def test_a_version_comes_back_as_it_was_published(tmp_path):
    generator, rows, manifest = publish_tiny(tmp_path)
    model = Repository(tmp_path).load("tiny")
    assert model.manifest == manifest
    assert model.manifest.label == "tiny@1"
    assert model.manifest.style_ids == ("starry_night", "b")
    assert torch.equal(model.rows.gamma, rows.gamma)
    assert torch.equal(model.rows.beta, rows.beta)
    for name, weight in generator.state_dict().items():
        loaded = model.generator.state_dict()[name]
        assert loaded.dtype == torch.float32
        assert torch.equal(loaded, weight.half().float())
    assert not model.generator.training
    assert not any(p.requires_grad for module in (model.generator, model.rows) for p in module.parameters())
    painted = model.generator(torch.rand(1, 3, 20, 20), *model.rows(torch.tensor([1])))
    assert painted.isfinite().all()


def test_weights_are_stored_as_float16_and_rows_as_float32(folder):
    dtypes = {
        name.split(".")[0]: tensor.dtype for name, tensor in load((folder / "model.safetensors").read_bytes()).items()
    }
    assert dtypes == {"generator": torch.float16, "rows": torch.float32}


def test_previews_are_files_of_the_version(folder, root):
    model = Repository(root).load("tiny")
    assert model.preview("starry_night").read_bytes() == PREVIEW
    assert model.preview("b") is None
    with pytest.raises(KeyError):
        model.preview("c")


def test_the_newest_version_wins_and_a_reference_can_pin_one(root):
    for seed in range(1, 10):
        _, newest, manifest = publish_tiny(root, seed=seed)
    assert manifest.version == 10  # after 9, as a number
    repository = Repository(root)
    assert repository.versions("tiny") == list(range(1, 11))
    assert torch.equal(repository.load("tiny").rows.gamma, newest.gamma)
    assert repository.load("tiny@2").manifest.version == 2


def test_names_are_those_with_a_version(root):
    publish_tiny(root, name="another")
    (root / "empty" / "1").mkdir(parents=True)
    (root / "notes.txt").touch()
    assert Repository(root).names() == ["another", "tiny"]
    assert Repository(root / "nowhere").names() == []


def test_a_star_stands_for_every_model_that_is_not_named(root):
    publish_tiny(root, name="another")
    publish_tiny(root, name="more")
    repository = Repository(root)
    assert repository.expand(["tiny@1", "*", "more"]) == ("tiny@1", "another", "more")
    assert repository.expand(["tiny"]) == ("tiny",)
    assert repository.expand(["absent", "*"]) == ("absent", "another", "more", "tiny")


@pytest.mark.parametrize(
    "reference",
    [
        *("other", "tiny@2", "tiny@", "tiny@0", "tiny@01", "tiny@x", "tiny@1@1", "tiny@" + "1" * 5000, "", "@1"),
        *(".", "..", "../tiny", "tiny/1", "tiny/../tiny", "/tiny", "Tiny", "tiny\n", "tiny\0", "x" * 5000),
    ],
)
def test_a_reference_that_is_no_version_is_refused(root, reference):
    with pytest.raises(InvalidModel, match=r"^There is no model "):
        Repository(root).load(reference)


def test_a_folder_without_a_manifest_is_no_version_but_its_number_is_taken(root):
    (root / "tiny" / "2").mkdir()
    (root / "tiny" / "2" / "model.safetensors").touch()
    for odd in ("03", "v4", "٥", ".6"):
        (root / "tiny" / odd).mkdir()
        (root / "tiny" / odd / "manifest.json").touch()
    assert Repository(root).versions("tiny") == [1]
    assert publish_tiny(root)[2].version == 3


def test_a_publication_that_is_interrupted_leaves_no_version_and_can_be_repeated(root, monkeypatch):
    class Killed(BaseException):
        pass

    synced = os.fsync
    for files_before in range(4):  # weights, card, preview, manifest
        calls = iter(range(100))

        def fsync(descriptor, calls=calls, files_before=files_before):
            if next(calls) == files_before:
                raise Killed
            synced(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(Killed):
            publish_tiny(root, seed=1)
        assert Repository(root).versions("tiny") == [1]
        assert Repository(root).names() == ["tiny"]
    monkeypatch.undo()
    assert publish_tiny(root, seed=1)[2].version == 2
    assert Repository(root).load("tiny").manifest.version == 2
    assert not list((root / "tiny").glob(".*"))


def test_what_could_not_be_loaded_is_not_published(root):
    generator = Compact(**OPTIONS)
    rows = StyleRows(2, generator.features)
    about = {"architecture": Architecture(name="compact", options=OPTIONS), "styles": STYLES, "descriptor": "none"}
    about |= {"recipe": {}, "metrics": {}, "extras": {"previews/starry_night.jpg": b""}}
    with torch.no_grad():
        generator.entry.conv.weight[0, 0, 0, 0] = 1e6  # an infinity in float16
    with pytest.raises(InvalidModel, match="not finite"):
        draft("tiny", generator, rows, **about)
    generator = Compact(**OPTIONS)
    with pytest.raises(InvalidModel, match="shape"):
        draft("tiny", generator, StyleRows(3, generator.features), **about)
    assert Repository(root).versions("tiny") == [1]
