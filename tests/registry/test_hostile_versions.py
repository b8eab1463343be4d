"""Broken and hostile versions: each test changes one thing of a good one, which is refused with a sentence about it."""

import contextlib
import json
import os
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from tiny_models import PREVIEW, publish_tiny

from app.registry.error import InvalidModel
from app.registry.repository import Repository, describe


def refuse(root, pattern):
    """The version is refused in one line, which names it or the file, and gives no path of this machine away."""
    with pytest.raises(InvalidModel, match=pattern) as caught:
        Repository(root).load("tiny")
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(root) not in sentence
    assert "tiny@1" in sentence


def change_manifest(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def replace_weights(folder, content):
    """Other weights under a manifest that vouches for them: the hash is right, what they are is not."""
    (folder / "model.safetensors").write_bytes(content)
    change_manifest(
        folder, lambda manifest: manifest["files"].update({"model.safetensors": describe(content).model_dump()})
    )


def change_tensors(folder, change):
    tensors = load((folder / "model.safetensors").read_bytes())
    change(tensors)
    replace_weights(folder, save(tensors))


def test_a_changed_byte_is_noticed_in_every_file(root, folder):
    for file in ("model.safetensors", "card.md", "previews/starry_night.jpg"):
        path = folder / file
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        refuse(root, f"{re.escape(file)} of tiny@1 has another SHA-256")
        path.write_bytes(content)
    assert Repository(root).load("tiny")


@pytest.mark.parametrize("file", ["model.safetensors", "card.md", "previews/starry_night.jpg"])
def test_a_file_that_is_missing_shorter_or_longer_is_noticed(root, folder, file):
    path = folder / file
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    refuse(root, "another size")
    path.write_bytes(content + b"x")
    refuse(root, "cannot be read: it has more than")
    path.unlink()
    refuse(root, "cannot be read: there is no such file")


def test_a_device_or_a_pipe_is_not_read(root, folder):
    for make in (lambda path: path.symlink_to("/dev/zero"), os.mkfifo, lambda path: path.mkdir()):
        for file in ("card.md", "manifest.json"):
            path, kept = folder / file, (folder / file).read_bytes()
            path.unlink()
            make(path)
            refuse(root, "there is no such file")
            path.rmdir() if path.is_dir() else path.unlink()
            path.write_bytes(kept)
    change_manifest(folder, lambda manifest: manifest["files"]["card.md"].update(bytes=0))
    (folder / "card.md").unlink()
    (folder / "card.md").symlink_to("/dev/zero")  # reports a size of 0 and never ends
    refuse(root, "there is no such file")


def test_a_link_out_of_the_folder_must_hold_what_was_published(root, folder):
    """Volumes are mounted as links; what counts is the content."""
    card = folder / "card.md"
    outside = root / "outside.md"
    card.rename(outside)
    card.symlink_to(outside)
    assert Repository(root).load("tiny")
    outside.write_bytes(b"# TINY\n")
    refuse(root, "another SHA-256")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}", b"\xff" * 8, (2**63).to_bytes(8, "little"), (10**9).to_bytes(8, "little") + b"{}"),
        *((2).to_bytes(8, "little") + b"[]", (2).to_bytes(8, "little") + b"{}", b"PK\x03\x04 a pickle, perhaps"),
    ],
    ids=["empty", "short", "all-ones", "huge-header", "long-header", "list", "no-tensors", "zip"],
)
def test_weights_that_are_no_safetensors_are_refused(root, folder, content):
    replace_weights(folder, content)
    refuse(root, "The weights of tiny@1 (cannot be read|are not those)")


def test_truncated_weights_are_refused(root, folder):
    content = (folder / "model.safetensors").read_bytes()
    for length in (4, 8, 100, len(content) // 2, len(content) - 1):
        replace_weights(folder, content[:length])
        refuse(root, "The weights of tiny@1 cannot be read")


def test_offsets_past_the_end_are_refused(root, folder):
    header = json.dumps({"rows.beta": {"dtype": "F32", "shape": [2, 10**9], "data_offsets": [0, 8 * 10**9]}}).encode()
    replace_weights(folder, len(header).to_bytes(8, "little") + header)
    refuse(root, "cannot be read")


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "not those of its architecture: extra"),
        (lambda tensors: tensors.pop("rows.beta"), "not those of its architecture: rows.beta"),
        (lambda tensors: tensors.update({"rows.beta": torch.zeros(3, 5)}), r"rows.beta of tiny@1 has shape \(3, 5\)"),
        (lambda tensors: tensors.update({"rows.beta": tensors["rows.beta"][:1]}), r"has shape \(1, "),
        (lambda tensors: tensors.update({"rows.beta": tensors["rows.beta"].int()}), "is of torch.int32"),
        (lambda tensors: tensors.update({"rows.beta": tensors["rows.beta"].double()}), "is of torch.float64"),
        (lambda tensors: tensors.update({"rows.beta": tensors["rows.beta"].bool()}), "is of torch.bool"),
        (lambda tensors: tensors["rows.gamma"][1].fill_(float("nan")), "rows.gamma of tiny@1 has values that are not"),
        (
            lambda tensors: tensors["rows.gamma"][0, :1].fill_(float("-inf")),
            "rows.gamma of tiny@1 has values that are not",
        ),
    ],
)
def test_tensors_that_are_not_the_architectures_are_refused(root, folder, change, pattern):
    change_tensors(folder, change)
    refuse(root, pattern)


def test_bfloat16_weights_are_fine(root, folder):
    change_tensors(folder, lambda tensors: tensors.update({k: t.bfloat16() for k, t in tensors.items()}))
    assert next(Repository(root).load("tiny").generator.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"name": "tiny"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"name": "tiny", "version": NaN}',
    ],
    ids=["empty", "text", "list", "null", "cut", "bytes", "nested", "nan"],
)
def test_a_manifest_that_is_none_is_refused(root, folder, content):
    (folder / "manifest.json").write_bytes(content)
    refuse(root, "The manifest of tiny@1 is broken at ")


def test_a_manifest_of_a_gigabyte_is_refused_unread(root, folder):
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(10**9)
    refuse(root, "more than 4000000 bytes")


def set_file(name):
    return lambda manifest: manifest["files"].update({name: {"sha256": "0" * 64, "bytes": 1}})


def set_options(**options):
    return lambda manifest: manifest["architecture"].update(options=options)


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda m: m.update(colour="blue"), "broken at colour: Extra inputs"),
        (lambda m: m["architecture"].update(device="cuda"), "broken at architecture.device"),
        (lambda m: m.pop("files"), "broken at files: Field required"),
        (lambda m: m.update(schema_version=2), "broken at schema_version"),
        (lambda m: m["architecture"].update(name="os.system"), "broken at architecture.name"),
        (lambda m: m["architecture"].update(norm="layer"), "broken at architecture.norm"),
        (lambda m: m["architecture"].update(norm="batch"), "cannot be built: .* has one style, not 2"),
        (lambda m: m.update(styles=[]), "broken at styles"),
        (lambda m: m["styles"][0].update(id="../x"), "broken at styles.0.id"),
        (lambda m: m["styles"][0].update(preview="../../secret.jpg"), "broken at styles.0.preview"),
        (lambda m: m["styles"][1].update(id="starry_night"), "tiny@1 has two styles with one id"),
        (lambda m: m["styles"][1].update(preview="previews/b.jpg"), "does not list previews/b.jpg"),
        (lambda m: m["files"].pop("model.safetensors"), "does not list model.safetensors"),
        (lambda m: m["styles"].append({"id": "c", "title": "C"}), r"has shape \(2, \d+\), not \(3, \d+\)"),
        (lambda m: m["styles"].pop(), r"has shape \(2, \d+\), not \(1, \d+\)"),
        (set_file("../x"), "broken at files"),
        (set_file("/etc/passwd"), "broken at files"),
        (set_file("previews/../../x"), "broken at files"),
        (set_file("a/b"), "broken at files"),
        (set_file("C:\\x"), "broken at files"),
        (set_file("..\\x"), "broken at files"),
        (set_file("card.md\n"), "broken at files"),
        (set_file("card\0.md"), "broken at files"),
        (set_file(".hidden"), "broken at files"),
        (lambda m: m["files"]["card.md"].update(bytes=10**15), "broken at files.card.md.bytes"),
        (lambda m: m["files"]["card.md"].update(bytes=-1), "broken at files.card.md.bytes"),
        (lambda m: m["files"]["card.md"].update(sha256="0" * 63), "broken at files.card.md.sha256"),
        (set_options(widths=[10**6, 10**6]), "architecture of tiny@1 cannot be built: widths"),
        (set_options(widths=[10**30]), "cannot be built: widths"),
        (set_options(widths=[1024, 1024], blocks=1), "has shape"),
        (set_options(widths=[1024, 1024], blocks=64), "not those of its architecture"),  # 4.8 GB that are never made
        (set_options(blocks=10**9), "cannot be built: blocks"),
        (set_options(blocks=-1), "cannot be built: blocks"),
        (set_options(fine=0), "cannot be built: widths"),
        (set_options(widths=[]), "cannot be built: widths"),
        (set_options(widths=[8] * 9), "cannot be built: a generator may halve"),
        (set_options(widths=8), "cannot be built: the options do not fit"),
        (set_options(multiple=3), "cannot be built: the options do not fit"),
        (set_options(widths="wide"), "broken at architecture.options"),
    ],
)
def test_a_manifest_with_something_wrong_in_it_is_refused(root, folder, change, pattern):
    change_manifest(folder, change)
    refuse(root, pattern)


def test_a_manifest_of_another_version_is_refused(root, folder):
    publish_tiny(root, name="other")
    (folder / "manifest.json").write_bytes((root / "other" / "1" / "manifest.json").read_bytes())
    refuse(root, "tiny@1 has the manifest of other@1")


def test_a_broken_version_does_not_hide_the_others(root, folder):
    publish_tiny(root, seed=1)
    (root / "tiny" / "2" / "manifest.json").write_text("broken")
    with pytest.raises(InvalidModel):
        Repository(root).load("tiny")
    assert Repository(root).load("tiny@1").manifest.version == 1


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    publish_tiny(root)
    return root, (root / "tiny" / "1" / "manifest.json").read_text()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_stands_in_a_manifest_loads_or_is_refused(published, data):
    """Any member at any depth replaced by anything: a model or InvalidModel, and no other exception."""
    root, good = published
    manifest = json.loads(good)
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=5,
    )
    place = manifest
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not (isinstance(place[key], dict | list) and place[key]) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(anything)
    (root / "tiny" / "1" / "manifest.json").write_text(json.dumps(manifest))
    with contextlib.suppress(InvalidModel):
        Repository(root).load("tiny")


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"picture", b"<svg onload='alert(1)'/>", b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(20)),
        PREVIEW[: len(PREVIEW) // 2],
        PREVIEW[:16] + (2**31 - 1).to_bytes(4, "big") * 2 + PREVIEW[24:],
    ],
    ids=["empty", "text", "svg", "head", "gif", "cut", "huge"],
)
def test_a_preview_that_is_no_picture_is_refused(root, folder, content):
    """Although the manifest vouches for its bytes."""
    (folder / "previews" / "starry_night.jpg").write_bytes(content)
    change_manifest(
        folder,
        lambda manifest: manifest["files"].update({"previews/starry_night.jpg": describe(content).model_dump()}),
    )
    refuse(root, "previews/starry_night.jpg of tiny@1 cannot be a preview: ")
