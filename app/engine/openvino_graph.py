"""A generator compiled for this processor by OpenVINO, when its model is loaded.

Compiling needs no compiler, only the package, and takes a fifth of a second; a compiled graph that was kept on the disk
is read in a quarter of that. It takes pictures of every size, in every style: the first one of a size costs some
milliseconds more.
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.engine import fingerprint
from app.engine.device import Device
from app.engine.graph_cache import GraphCache, key_of
from app.engine.openvino_runtime import Arrays, CompiledGraph, options, tried_picture
from app.imaging.picture import Pixels
from app.machine import processor
from app.nets.generators import Compact, Generator, Trunk, mirrored
from app.nets.noise import grain

# Up to this size the noise is cropped from one array that is made once: a position has the same noise at every size.
GRAIN_EDGE = 1024
# Beyond it the memory of a picture is given back: OpenVINO would keep that of the largest that it ever painted.
KEPT_MEGAPIXELS = 1.1

# What a graph must reach when it is tried: the worst of some thousand bfloat16 results had 46 dB, and a graph that goes
# wrong has 20 or less.
MIN_AGREEMENT = 35.0  # dB

_log = structlog.get_logger(__name__)


class NonFiniteError(ArithmeticError):
    """The network's output has a NaN or an infinity: shown as a picture it would be black areas."""


class OpenVinoGraph:
    """A compiled generator. `paint` may be called by several threads, which then take turns."""

    def __init__(self, generator: Trunk, dtype: torch.dtype, threads: int, kept: bytes | None = None) -> None:
        """Arguments and errors are those of `CompiledGraph`."""
        self._generator = generator
        self._has_grain = isinstance(generator, Compact)
        self._compiled = CompiledGraph(self._lowered, dtype, threads, kept)

    def _lowered(self) -> Any:
        from app.engine.openvino_lowering import lower  # imports OpenVINO, too, and must come after it was silenced

        return lower(self._generator)

    def export(self) -> bytes:
        """See `CompiledGraph.export`."""
        return self._compiled.export()

    def paint(self, picture: Pixels, gamma: Tensor, beta: Tensor) -> Pixels:
        """Paint (H, W, 3) with gamma and beta (1, features). NonFiniteError: the output is not a number somewhere."""
        # Of itself a NaN would not come through: OpenVINO's ReLU makes a 0 of it.
        if not (gamma.isfinite().all() and beta.isfinite().all()):
            raise NonFiniteError("The style's values are not finite.")
        (height, width), margin = picture.shape[:2], self._generator.margin
        padded = padded_to_multiple(picture, self._generator.multiple, self._generator.smallest, margin)
        painting = self.paint_part(padded, gamma, beta)[margin : margin + height, margin : margin + width]
        if height * width > KEPT_MEGAPIXELS * 1e6:
            self.release_memory()
        return np.ascontiguousarray(painting)

    def paint_part(self, picture: Pixels, gamma: Tensor, beta: Tensor, at: tuple[int, int] = (0, 0)) -> Pixels:
        """As `paint`, for a padded picture or a part of one, without cropping; `at` is where the part begins."""
        inputs = {"picture": picture[None], "gamma": gamma.numpy(), "beta": beta.numpy()}
        if self._has_grain:
            begins = at[0] // 2, at[1] // 2
            inputs["grain"] = grain_of(picture.shape[0] // 2, picture.shape[1] // 2, begins)[None, None]
        with self._compiled.turn:
            outputs = self._compiled.infer(inputs, first_byte)
            total = float(outputs["total"][0])
            # A copy: the next picture is painted into the same memory.
            painting: Pixels = outputs["painting"][0].copy()
        if not math.isfinite(total):
            raise NonFiniteError("The network's output is not finite.")
        return painting

    def release_memory(self) -> None:
        """Free what OpenVINO keeps of the largest picture so far."""
        with self._compiled.turn:
            self._compiled.release_memory()


def first_byte(outputs: Arrays) -> int:
    """The difference between stub and ticket: the first byte of the result, 0 if it is empty."""
    return int(outputs["painting"].ravel()[:1].sum())


def compile_graph(generator: Generator, device: Device, gamma: Tensor, beta: Tensor) -> OpenVinoGraph | None:
    """The compiled graph of a float32 generator; None if there is none, and the generator itself is to be used.

    That is so where it cannot be compiled, or its results differ from the generator's.

    Args:
        gamma, beta: (1, features) of the style for which the results are compared.
    """
    if not isinstance(generator, Trunk):
        return None
    if device.graphs_dir is None:
        return tried_graph(generator, device, gamma, beta)
    cache, key = GraphCache(device.graphs_dir), graph_key(generator, device)
    if (kept := cache.find(key)) and (graph := tried_graph(generator, device, gamma, beta, kept)):
        return graph
    graph = tried_graph(generator, device, gamma, beta)
    if graph:
        with suppress(RuntimeError):  # OpenVINO's, where it cannot export
            cache.keep(key, graph.export())
    return graph


def tried_graph(
    generator: Trunk, device: Device, gamma: Tensor, beta: Tensor, kept: bytes | None = None
) -> OpenVinoGraph | None:
    """The graph, read from `kept` or compiled; None if that fails, or its results differ from the generator's."""
    try:
        graph = OpenVinoGraph(generator, device.dtype, device.threads, kept)
        decibels = agreement(graph, generator, gamma, beta)
    except Exception as error:  # noqa: BLE001 - whatever OpenVINO misses on this machine, torch still paints
        _log.warning("graph_not_compiled", network=type(generator).__name__, reason=repr(error))
        return None
    if decibels < MIN_AGREEMENT:
        _log.error("graph_paints_otherwise", network=type(generator).__name__, decibels=decibels)
        return None
    return graph


def graph_key(generator: Trunk, device: Device) -> str:
    """Key of a compiled graph in the cache: a hash of everything that it depends on."""
    return key_of(fingerprint.of_generator(generator), repr(options(device.dtype, device.threads)), *compiled_by())


@cache
def compiled_by() -> tuple[str, str, str]:
    """This processor, the version of OpenVINO, and the module that writes graphs."""
    return processor(), version("openvino"), Path(__file__).with_name("openvino_lowering.py").read_text("utf-8")


def agreement(graph: OpenVinoGraph, generator: Generator, gamma: Tensor, beta: Tensor) -> float:
    """PSNR in dB between both results for a small image. Also infinite if neither of them is finite."""
    picture = tried_picture()
    x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    exact = generator(x, gamma, beta)[0].permute(1, 2, 0).numpy() * 255
    try:
        painting = graph.paint(picture, gamma, beta)
    except NonFiniteError:
        return 0.0 if np.isfinite(exact).all() else math.inf
    if not np.isfinite(exact).all():
        return 0.0
    mean_square = float(np.square(exact.round() - painting).mean())
    return 10 * math.log10(255**2 / mean_square) if mean_square else math.inf


def padded_to_multiple(picture: Pixels, multiple: int, smallest: int, margin: int) -> Pixels:
    """Like `pad_to_multiple`, for (H, W, 3)."""
    short = [(0, max(0, smallest - edge)) for edge in picture.shape[:2]]
    if np.any(short):
        picture = np.pad(picture, (*short, (0, 0)), mode="edge")
    rest = [mirrored(edge, multiple, margin) for edge in picture.shape[:2]]
    if np.any(rest):
        picture = np.pad(picture, (*rest, (0, 0)), mode="reflect")
    return np.ascontiguousarray(picture)


def grain_of(height: int, width: int, at: tuple[int, int] = (0, 0)) -> NDArray[np.float32]:
    """Like `grain`, as an array."""
    if max(at[0] + height, at[1] + width) > GRAIN_EDGE:
        return made_grain(height, width, at)
    return np.ascontiguousarray(kept_grain()[at[0] : at[0] + height, at[1] : at[1] + width])


@cache
def kept_grain() -> NDArray[np.float32]:
    return made_grain(GRAIN_EDGE, GRAIN_EDGE)


def made_grain(height: int, width: int, at: tuple[int, int] = (0, 0)) -> NDArray[np.float32]:
    values: NDArray[np.float32] = grain(height, width, torch.device("cpu"), at).numpy()
    return values
