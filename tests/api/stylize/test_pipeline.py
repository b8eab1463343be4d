import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from picture_bytes import encoded, pixels

from app.engine import stylizer
from app.engine.device import Device
from app.engine.stylizer import Stylizer
from app.imaging.content import working_size

STYLES = ("starry_night", "great_wave", "the_scream", "composition_vii")
CLIENTS = 8


@pytest.mark.parametrize(
    ("photo", "size", "expected"),
    [
        ((800, 600), None, (800, 600)),
        ((4000, 3000), None, (2048, 1536)),
        ((3000, 4000), None, (1536, 2048)),
        ((800, 600), 1600, (1600, 1200)),
        ((800, 600), 100, (100, 75)),
        ((1, 1), None, (1, 1)),
        ((40_000_000, 1), None, (2048, 1)),
    ],
)
def test_working_size(photo, size, expected):
    assert working_size(*photo, size, edge_pixels=2048) == expected


def test_in_a_batch_each_gets_what_it_gets_alone_to_one_step_of_255(connect, astronaut, monkeypatch):
    """Bit-equal wherever pictures are painted one by one, as on the CPU. Where batches pay, the libraries choose other
    kernels for other batch sizes, which sum in another order: the last bits of float32 then decide the rounding of a
    few values in ten thousand. Here batches are forced, and torch paints them: a compiled graph takes one picture."""
    monkeypatch.setattr(stylizer, "compile_graph", lambda *_: None)
    client = connect(precision="float32")
    photos = [encoded(astronaut[16 * i : 16 * i + 33, :47]) for i in range(CLIENTS)]

    def paint(index):
        params = {"styles": STYLES[index % len(STYLES)], "format": "png"}
        return pixels(client.post("/v1/stylize", params=params, content=photos[index]).content).astype(int)

    alone = [paint(index) for index in range(CLIENTS)]
    batches: list[int] = []
    gate = threading.Event()
    original = Stylizer.paint

    def gated(self, pictures, blends, *repainting):
        gate.wait(60)
        batches.append(len(pictures))
        return original(self, pictures, blends, *repainting)

    monkeypatch.setattr(Stylizer, "paint", gated)
    monkeypatch.setattr(Device, "gains_from_batches", True)
    with ThreadPoolExecutor(CLIENTS) as crowd:
        futures = [crowd.submit(paint, index) for index in range(CLIENTS)]
        try:
            wait_until_all_are_in_the_engine(client)
        finally:
            gate.set()
        together = [future.result() for future in futures]
    # The first batch begins with whoever is there when the engine's thread has its turn, the second has all others.
    assert sum(batches) == CLIENTS
    assert len(batches) <= 2
    differences = np.abs(np.stack(together) - np.stack(alone))
    assert differences.max() <= 1
    assert np.mean(differences > 0) <= 1e-3


def wait_until_all_are_in_the_engine(client):
    end = time.monotonic() + 60
    while True:
        gauges = re.findall(r"^pastiche_(?:queue|batch)_pictures (\S+)$", client.get("/metrics").text, re.MULTILINE)
        if sum(map(float, gauges)) == CLIENTS:
            return
        assert time.monotonic() < end
