"""One run of a network on a GPU, recorded and replayed: one launch instead of some hundred, however busy Python is.

Only the end of `paint` may wait for the GPU, and every buffer keeps its address.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

from app.engine.cuda_graph_cache import CudaGraphCache, Shape
from app.engine.openvino_graph import NonFiniteError
from app.imaging.picture import Pixels

# (B, 3, H, W) in 0..1, gamma and beta (B, features) -> (B, 3, H, W) in 0..1.
Network = Callable[[Tensor, Tensor, Tensor], Tensor]
Play = Callable[[], None]
# Runs a function, records it, and returns what replays the recording.
Record = Callable[[Play], Play]

# Before a recording: the libraries choose their kernels and make their workspaces, which cannot be recorded.
WARM_UPS = 3


class CudaGraph:
    """A recorded run, with its buffers on the host and the device. `paint` may be called by several threads, which take
    turns.

    Args:
        features: of gamma and beta.
        device: where the run is recorded; for a GPU, the buffers on the host are pinned, so that copies are
            asynchronous.
    """

    def __init__(self, network: Network, shape: Shape, features: int, device: torch.device, record: Record) -> None:
        self._device = device
        self._turn = threading.Lock()
        pictures = (shape.batch, shape.height, shape.width, 3)
        self._here = self._buffers(pictures, features, pinned=device.type == "cuda")
        self._there = self._buffers(pictures, features, device=device)
        self._painted_here = self._empty(pictures, torch.uint8, pinned=device.type == "cuda")
        self._total_here = self._empty((1,), torch.float32, pinned=device.type == "cuda")
        self._painted, self._total = torch.empty(0), torch.empty(0)

        def run() -> None:
            self._painted, self._total = eight_bit(network, *self._there)

        self._play = record(run)

    def paint(self, pictures: Sequence[Pixels], gamma: Tensor, beta: Tensor) -> list[Pixels]:
        """Stylize up to as many pictures (H, W, 3) as were recorded, with gamma and beta (B, features) on the CPU.

        Raises:
            NonFiniteError: if the network's output is not a number somewhere.
        """
        with self._turn:
            self._fill(pictures, gamma, beta)
            for here, there in zip(self._here, self._there, strict=True):
                there.copy_(here, non_blocking=True)
            self._play()
            self._painted_here.copy_(self._painted, non_blocking=True)
            self._total_here.copy_(self._total.reshape(1), non_blocking=True)
            if self._device.type == "cuda":
                torch.cuda.current_stream(self._device).synchronize()
            if not math.isfinite(float(self._total_here)):
                raise NonFiniteError("The network's output is not finite.")
            # A copy: the next batch is painted into the same memory.
            return list(self._painted_here[: len(pictures)].numpy().copy())

    def _fill(self, pictures: Sequence[Pixels], gamma: Tensor, beta: Tensor) -> None:
        """Fill the buffers on the host. The rest of the batch repeats the last picture, which affects no other."""
        places, gammas, betas = self._here
        last = len(pictures) - 1
        view = places.numpy()
        for place in range(len(places)):
            source = min(place, last)
            view[place] = pictures[source]
            gammas[place], betas[place] = gamma[source], beta[source]

    def _buffers(
        self, pictures: tuple[int, ...], features: int, *, pinned: bool = False, device: torch.device | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows = (pictures[0], features)
        return (
            self._empty(pictures, torch.uint8, pinned=pinned, device=device),
            self._empty(rows, torch.float32, pinned=pinned, device=device),
            self._empty(rows, torch.float32, pinned=pinned, device=device),
        )

    @staticmethod
    def _empty(
        shape: tuple[int, ...], dtype: torch.dtype, *, pinned: bool = False, device: torch.device | None = None
    ) -> Tensor:
        # Zeros: the warm-ups run on what is there.
        return torch.zeros(shape, dtype=dtype, pin_memory=pinned, device=device)


def eight_bit(network: Network, pictures: Tensor, gamma: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """Stylize (B, H, W, 3) uint8: the result, rounded, and the sum of all values, which is finite if each of them is.

    Nothing here waits for the device.
    """
    x = pictures.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    painted = network(x, gamma, beta)
    # One pass over the values instead of a test of each; sums of values in 0..1 cannot overflow.
    total = painted.sum()
    rounded = painted.mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return rounded.permute(0, 2, 3, 1).contiguous(), total


class CudaRecorder:
    """Records with CUDA graphs, which share one pool for the memory between their inputs and outputs.

    That is safe: they are replayed one after the other, and each result is copied before the next replay.
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        # One for all: what a stream has allocated stays with it.
        self._aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def __call__(self, run: Play) -> Play:
        aside = self._aside
        aside.wait_stream(torch.cuda.current_stream())
        with torch.inference_mode(), torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                run()
            aside.synchronize()
            graph = torch.cuda.CUDAGraph()
            # Other threads may paint meanwhile, and allocate memory.
            with torch.cuda.graph(graph, pool=self._pool, stream=aside, capture_error_mode="thread_local"):
                run()
        return graph.replay


def cuda_graph_cache(network: Network, features: int, device: torch.device) -> CudaGraphCache[CudaGraph]:
    """The recordings of one network on one GPU."""
    record = CudaRecorder()

    def make(shape: Shape) -> CudaGraph:
        with torch.cuda.device(device):
            return CudaGraph(network, shape, features, device, record)

    return CudaGraphCache(make, recording_thread())


@cache
def recording_thread() -> ThreadPoolExecutor:
    """The thread that records, shared by all models: a process can record one graph at a time."""
    return ThreadPoolExecutor(1, thread_name_prefix="capture")
