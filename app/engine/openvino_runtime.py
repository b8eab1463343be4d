"""Compiling graphs for this processor with OpenVINO, and running them."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.imaging.picture import Pixels

# Kernels that OpenVINO caches for the sizes it has seen, over all layers; each is small and takes milliseconds to
# make again. Without a bound it would keep 5,000, and grow by 0.8 MB with every new size.
KEPT_KERNELS = 100

# Then they begin again; with a byte added, they are still an int32.
TICKETS = 1_000_000_000
TICKET, STUB = "ticket", "stub"

PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16"}

# Edge in pixels of the picture that a graph is tried with.
TRIED_EDGE = 64

Arrays = Mapping[str, NDArray[Any]]


class CompiledGraph:
    """A graph that is compiled or read when it is made, and compiled again where memory has run out.

    The graph has an input `ticket` (1,) int32, and an output `stub` (1,) int32: the ticket plus a number that is
    computed from its other outputs, which shows that they are this call's.

    Args:
        lower: makes the graph, an `openvino.Model`.
        dtype: what the layers compute in.
        threads: of the processor, for one call.
        kept: what `export` returned for such a graph, which is read in a quarter of the time of compiling.

    Attributes:
        turn: to be held from a call of `infer` until its outputs have been read; the next call writes over them.
    """

    def __init__(self, lower: Callable[[], Any], dtype: torch.dtype, threads: int, kept: bytes | None = None) -> None:
        """Raises whatever OpenVINO raises where it cannot compile, or cannot read what was kept."""
        self._lower = lower
        self._options = options(dtype, threads)
        self._ticket = 0
        self.turn = threading.Lock()
        self._prepare(kept)

    def _prepare(self, kept: bytes | None = None) -> None:
        core = openvino_core()
        if kept is None:
            self._compiled = core.compile_model(self._lower(), "CPU", self._options)
        else:
            self._compiled = core.import_model(kept, "CPU", self._options)
        self._request = self._compiled.create_infer_request()
        self._names = [port.any_name for port in self._compiled.outputs]

    def export(self) -> bytes:
        """The compiled graph with its weights, for this processor and this version of OpenVINO alone.

        RuntimeError: OpenVINO cannot export it.
        """
        exported = io.BytesIO()
        self._compiled.export_model(exported)
        return exported.getvalue()

    def infer(self, inputs: Arrays, number_of: Callable[[Arrays], int]) -> Arrays:
        """The outputs by name, in OpenVINO's memory.

        Args:
            number_of: the number that the stub is ahead of the ticket, computed from the outputs.

        Raises:
            MemoryError: there is no result. When memory runs out, OpenVINO reports nothing and leaves the previous
                call's outputs, which may be another client's. The ticket tells them apart.
        """
        if self._request is None:
            self._prepare()
        # Whatever goes wrong leaves none: a broken one would give this call's result to the next. Compiling wants
        # memory, too: later, then.
        request, self._request = self._request, None
        ticket = self._ticket = (self._ticket + 1) % TICKETS
        request.infer({**inputs, TICKET: np.array([ticket], np.int32)}, share_inputs=True)
        outputs = {name: request.get_tensor(name).data for name in self._names}
        if int(outputs[STUB][0]) != ticket + number_of(outputs):
            raise MemoryError("There was no memory for the picture.")
        self._request = request
        return outputs

    def release_memory(self) -> None:
        """Free the memory of the largest picture so far, which OpenVINO would keep. The outputs are freed, too."""
        self._compiled.release_memory()


def options(dtype: torch.dtype, threads: int) -> dict[str, str | int | bool]:
    """Options of OpenVINO's compiler."""
    return {
        "INFERENCE_PRECISION_HINT": PRECISIONS[dtype],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        # Processes beside this one would be pinned to the same cores.
        "ENABLE_CPU_PINNING": False,
        "CPU_RUNTIME_CACHE_CAPACITY": KEPT_KERNELS,
    }


def tried_picture() -> Pixels:
    """A picture to compare a graph with the modules that it is made of."""
    steps = np.arange(TRIED_EDGE)
    planes = np.broadcast_arrays(4 * steps[:, None], 4 * steps, steps[:, None] * steps % 256)
    return np.stack(planes, 2).astype(np.uint8)


@cache
def openvino_core() -> Any:
    """The OpenVINO runtime. Imported late, since that takes a second, and with its telemetry silenced.

    Each import would report to a host on the internet, through a package that is optional for OpenVINO.
    """
    silenced: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    silenced.setdefault("openvino_telemetry", None)  # which makes its import fail
    import openvino

    return openvino.Core()
