"""What the network costs by itself: CPU seconds of a picture in a process that does nothing else."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from app.engine.device import choose_device
from app.engine.stylizer import Stylizer
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS, usable_cores

# Of ten pictures each; the first one warms up.
TURNS = 5


def network_alone(sizes: list[tuple[int, int, int]]) -> float:
    """CPU seconds a picture of a mix of (width, height, count), painted by the engine's own stylizer: the best turn.

    As many of a size at once as the engine would give it under load.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as child:
        return child.submit(_cpu_seconds, sizes).result()


def _cpu_seconds(sizes: list[tuple[int, int, int]]) -> float:
    model = Repository(SHIPPED_MODELS).load("compact")
    device = choose_device("cpu", "auto", usable_cores())
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    blend = {stylizer.style_ids[0]: 1.0}
    at_once = stylizer.most_at_once or 1
    batches = [
        [np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)] * min(at_once, count - done)
        for width, height, count in sizes
        for done in range(0, count, at_once)
    ]
    pictures = sum(count for _, _, count in sizes)
    turns = []
    for _ in range(TURNS):
        began = time.process_time()
        for batch in batches:
            stylizer.paint(batch, [blend] * len(batch))
        turns.append((time.process_time() - began) / pictures)
    # The least disturbed one: neighbours that take the caches away cost CPU time, too.
    return min(turns)
