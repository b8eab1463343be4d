"""A version with further styles: everything of its base is carried over to the bit."""

import hashlib

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import PREVIEW, STYLES, publish_tiny

from app.nets.norm import StyleRows
from app.registry.error import InvalidModel
from app.registry.manifest import Appended, Origin, Style
from app.registry.publish import draft_addition
from app.registry.repository import Repository

NEW = (Style(id="dots", title="Dots", preview="previews/dots.jpg"),)
EXTRAS = {"card.md": b"# more\n", "previews/dots.jpg": PREVIEW}


def appended(base):
    sha256 = hashlib.sha256(b"painting").hexdigest()
    return Appended(
        base=base.manifest.label,
        base_sha256=base.manifest.files["model.safetensors"].sha256,
        created="2026-01-01T00:00:00+00:00",
        styles={"dots": Origin(painting_sha256=sha256, started_from="b")},
        descriptor="none",
        pictures="none",
        recipe={"steps": 3},
    )


@pytest.fixture
def base(tmp_path):
    publish_tiny(tmp_path)
    return Repository(tmp_path).load("tiny")


def make_draft(base, styles=NEW, value=0.25):
    rows = StyleRows(len(styles), base.generator.features)
    with torch.no_grad():
        rows.gamma.fill_(value)
        rows.beta.fill_(-value)
    return draft_addition(
        base, rows, styles=styles, appended=appended(base), metrics={"gates": {"passed": True}}, extras=EXTRAS
    )


def test_old_tensors_stay_and_new_rows_follow_them(base, tmp_path):
    manifest = make_draft(base).write(tmp_path)
    assert manifest.label == "tiny@2"
    before, after = (load_file(tmp_path / "tiny" / number / "model.safetensors") for number in "12")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
        assert torch.equal(after[name][: len(tensor)], tensor), name
    assert torch.equal(after["rows.gamma"][2:], torch.full_like(after["rows.gamma"][2:], 0.25))
    assert after["rows.beta"].shape[0] == 3


def test_what_the_base_said_of_itself_is_still_said(base, tmp_path):
    make_draft(base).write(tmp_path)
    model = Repository(tmp_path).load("tiny@2")
    assert model.manifest.style_ids == ("starry_night", "b", "dots")
    assert model.manifest.styles[:2] == STYLES
    assert model.manifest.recipe == base.manifest.recipe
    assert model.manifest.metrics == {"seconds": 1.5, "gates": {"passed": True}}
    assert model.preview("starry_night").read_bytes() == PREVIEW
    assert model.preview("dots").read_bytes() == PREVIEW
    assert (model.folder / "card.md").read_bytes() == b"# more\n"
    assert model.manifest.additions == (appended(base),)


def test_additions_add_up(base, tmp_path):
    make_draft(base).write(tmp_path)
    second = Repository(tmp_path).load("tiny")
    other = (Style(id="waves", title="Waves"),)
    make_draft(second, other).write(tmp_path)
    model = Repository(tmp_path).load("tiny@3")
    assert model.manifest.style_ids == ("starry_night", "b", "dots", "waves")
    assert [addition.base for addition in model.manifest.additions] == ["tiny@1", "tiny@2"]


def test_a_version_goes_where_it_is_told(base, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    assert make_draft(base).write(elsewhere, version=7).label == "tiny@7"
    assert Repository(elsewhere).load("tiny").manifest.version == 7
    with pytest.raises(FileExistsError, match="tiny@7 is there already"):
        make_draft(base).write(elsewhere, version=7)


def test_a_style_that_is_there_is_not_added(base):
    with pytest.raises(InvalidModel, match="tiny@1 has a style b already"):
        make_draft(base, (Style(id="b", title="B"),))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_rows_that_are_not_finite_are_not_drafted(base, value):
    with pytest.raises(InvalidModel, match="not finite"):
        make_draft(base, value=value)


def test_a_base_that_has_changed_on_disk_is_not_added_to(base):
    (base.folder / "previews" / "starry_night.jpg").write_bytes(PREVIEW[:-1] + b"x")
    with pytest.raises(InvalidModel, match="SHA-256"):
        make_draft(base)


def test_a_write_that_fails_leaves_no_version(base, tmp_path, monkeypatch):
    draft = make_draft(base)

    def full(_descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        draft.write(tmp_path)
    assert Repository(tmp_path).versions("tiny") == [1]
