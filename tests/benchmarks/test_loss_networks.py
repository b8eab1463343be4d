"""The same pictures by several loss networks, and each network's word on the others' pictures."""

from __future__ import annotations

import json
import re

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from app.nets.descriptor import load_descriptor
from benchmarks.quality import loss_networks


@pytest.fixture
def shallow(random_descriptor, tmp_path):
    """The first three blocks of a network, a file."""
    tensors = {name.replace("4_1", "3_3"): tensor for name, tensor in load_file(random_descriptor).items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not re.search(r"4_2|5_1", name)}
    save_file(tensors, tmp_path / "shallow.safetensors")
    return tmp_path / "shallow.safetensors"


def test_a_shallow_network_lends_the_layers_that_it_has(shallow, random_descriptor):
    short, whole = (load_descriptor(load_file(path)) for path in (shallow, random_descriptor))
    options = loss_networks.options_for(short, 64, 5)
    assert options.style_layers == pytest.approx({"relu1_1": 1 / 3, "relu2_1": 1 / 3, "relu3_1": 1 / 3})
    assert options.content_layers == {"relu3_3": 1.0}
    assert loss_networks.options_for(whole, 64, 5).content_layers == {"relu4_2": 1.0}


def test_every_network_paints_and_judges_every_picture(inputs, random_descriptor, shallow, tmp_path, capsys):
    given = ["--photos", inputs / "photos" / "zebra.jpg", "--paintings", inputs / "paintings" / "great_wave.png"]
    given += ["--network", f"random={random_descriptor}", "--network", f"blocks 1 to 3={shallow}"]
    given += ["--edge", "48", "--iterations", "4", "--cell", "40", "--json", tmp_path / "ratios.json"]
    torch.manual_seed(0)
    loss_networks.main([str(part) for part in [tmp_path / "sheet.jpg", *given, "--pictures", tmp_path / "pictures"]])
    names = ["slim", "random", "blocks 1 to 3"]
    ratios = json.loads((tmp_path / "ratios.json").read_text())
    assert ratios.keys() == {f"{judge} of {maker}" for judge in names for maker in [*names, "the photo"]}
    assert [ratios[f"{name} of {name}"] for name in names] == [1, 1, 1]
    assert len(set(ratios.values())) == 10  # no two networks agree by chance
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.size == (4 * 40, 30 + 22)  # the photo and three pictures, with their captions
    assert len(list((tmp_path / "pictures").iterdir())) == 3
    assert "| slim | 1.00 |" in capsys.readouterr().out
