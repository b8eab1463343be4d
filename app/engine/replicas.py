"""Several pictures at once on a CPU, each in a thread of its own.

Threads that share a picture wait for each other at every layer, and so for whatever else runs on the other's core. With
a picture for each thread, none has to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import torch
from torch import Tensor

from app.engine.device import Device
from app.engine.openvino_graph import OpenVinoGraph, compile_graph
from app.imaging.picture import Pixels
from app.nets.generators import Generator

# More are rarely filled by pictures of one size, and a process for every four to eight threads does better.
MAX_REPLICAS = 4


class Replicas:
    """Graphs of one generator with one thread each."""

    def __init__(self, graphs: Sequence[OpenVinoGraph]) -> None:
        self._graphs = tuple(graphs)
        self._threads = ThreadPoolExecutor(len(self._graphs), "replica")

    def __len__(self) -> int:
        return len(self._graphs)

    def paint(self, pictures: Sequence[Pixels], gamma: Tensor, beta: Tensor) -> list[Pixels]:
        """Paint as many images (H, W, 3) as there are replicas, with gamma and beta (B, features).

        Raises whatever a graph raises, once all of them have ended.
        """
        rows = zip(torch.split(gamma, 1), torch.split(beta, 1), strict=True)
        given = zip(self._graphs, pictures, rows, strict=True)
        paintings = [self._threads.submit(graph.paint, picture, *row) for graph, picture, row in given]
        wait(paintings)
        return [painting.result() for painting in paintings]


def compile_replicas(generator: Generator, device: Device, gamma: Tensor, beta: Tensor) -> Replicas | None:
    """A replica for every thread of the device; None for a single thread, for many, or if a graph cannot be used.

    Args:
        gamma, beta: as in `compile_graph`.
    """
    if not 2 <= device.threads <= MAX_REPLICAS:
        return None
    single = replace(device, threads=1)
    graphs = [compile_graph(generator, single, gamma, beta) for _ in range(device.threads)]
    usable = [graph for graph in graphs if graph]
    return Replicas(usable) if len(usable) == len(graphs) else None
