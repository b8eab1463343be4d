"""From a style image to a row of a generator, in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import structlog
import torch
from torch import Tensor

from app.engine.device import can_compile
from app.engine.openvino_runtime import STUB, Arrays, CompiledGraph, tried_picture
from app.imaging.picture import Picture, Pixels
from app.imaging.resize import fitted, resize
from app.nets.descriptor import Descriptor
from app.nets.precision import supports_bfloat16
from app.nets.style_encoder import StyleEncoder

# The code by a compiled network must be nearer to that of torch than this share of its length: bfloat16 has moved codes
# by a hundredth, and what goes wrong goes far.
FARTHEST_CODE = 0.05

# Shorter edges than this, in pixels, are too few to halve four times and mirror; the outermost pixels are repeated.
SMALLEST = 32

_log = structlog.get_logger(__name__)


class StyleReader:
    """A style encoder and the loss network whose features it reads, on the CPU. Both are taken over, and may be
    converted.

    The loss network is compiled by OpenVINO where that is there, which takes a third of a second, and then needs a
    third of torch's time. It computes in bfloat16 where the processor can, which moves a code by a hundredth of its
    length.

    Args:
        stroke: longer edge in pixels at which it sees a style image, whatever that image's size.
    """

    def __init__(self, network: Descriptor, encoder: StyleEncoder, stroke: int) -> None:
        self._encoder = encoder
        self.stroke = stroke
        dtype = torch.bfloat16 if supports_bfloat16("cpu") else torch.float32
        self._compiled = compile_statistics(network, encoder, dtype) if can_compile() else None
        self._network = network.narrow(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def code(self, image: Pixels) -> Tensor:
        """The code (1, bottleneck) of a style image (H, W, 3) in sRGB. Means of codes are styles too."""
        height, width, _ = image.shape
        seen = at_least(SMALLEST, resize(Picture(image), *fitted(width, height, self.stroke)).rgb)
        if self._compiled is not None:
            return self._encoder.code(self._compiled(seen))
        return self._encoder.code(of_torch(self._network, self._encoder, seen))

    @torch.inference_mode()
    def row(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (B, bottleneck) -> gamma, beta (B, features)."""
        return self._encoder.row(code)


def at_least(edge: int, picture: Pixels) -> Pixels:
    """`picture` (H, W, 3) with `edge` pixels or more in height and width."""
    height, width, _ = picture.shape
    return np.pad(picture, ((0, max(0, edge - height)), (0, max(0, edge - width)), (0, 0)), mode="edge")


class CompiledStatistics:
    """A loss network, compiled together with the statistics that a style encoder reads of it."""

    def __init__(self, network: Descriptor, encoder: StyleEncoder, dtype: torch.dtype) -> None:
        """Raises whatever OpenVINO raises where it cannot compile."""
        self._network = network
        self._encoder = encoder
        self._graph = CompiledGraph(self._lowered, dtype, torch.get_num_threads())

    def _lowered(self) -> Any:
        from app.engine.openvino_statistics import lower_statistics  # imports OpenVINO

        return lower_statistics(self._network, self._encoder)

    def __call__(self, picture: Pixels) -> Tensor:
        """The statistics (1, size) of `StyleEncoder.statistics` for (H, W, 3). Raises MemoryError."""
        with self._graph.turn:
            outputs = self._graph.infer({"picture": picture[None]}, finite_outputs)
            moments = [self._of_layer(layer, outputs, *picture.shape[:2]) for layer in self._encoder.layers]
            self._graph.release_memory()  # the features of the first layers take 100 MB
        return torch.cat(moments, dim=1)

    def _of_layer(self, layer: str, outputs: Arrays, height: int, width: int) -> Tensor:
        halved = int(layer[len("relu")]) - 1  # once before each block after the first
        positions = (height >> halved) * (width >> halved)
        mean, norm, gram = (torch.tensor(outputs[f"{kind}.{layer}"]) for kind in ("mean", "norm", "gram"))
        return self._encoder.of_moments(mean, norm.square() / positions, gram / positions)


def finite_outputs(outputs: Arrays) -> int:
    """The difference between stub and ticket: the number of outputs whose values are all finite."""
    return sum(bool(np.isfinite(values).all()) for name, values in outputs.items() if name != STUB)


def compile_statistics(network: Descriptor, encoder: StyleEncoder, dtype: torch.dtype) -> CompiledStatistics | None:
    """The compiled network; None if it cannot be compiled, or its results differ from torch's, which is used then."""
    picture = tried_picture()
    try:
        compiled = CompiledStatistics(network, encoder, dtype)
        codes = [encoder.code(statistics) for statistics in (of_torch(network, encoder, picture), compiled(picture))]
    except Exception as error:  # noqa: BLE001 - whatever OpenVINO misses on this machine, torch still reads
        _log.warning("encoder_not_compiled", reason=repr(error))
        return None
    distance = float((codes[0] - codes[1]).norm() / codes[0].norm())
    if not distance < FARTHEST_CODE:
        _log.error("compiled_encoder_reads_otherwise", distance=distance)
        return None
    return compiled


@torch.inference_mode()
def of_torch(network: Descriptor, encoder: StyleEncoder, picture: Pixels) -> Tensor:
    """The encoder's statistics (1, size) of (H, W, 3)."""
    x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 255
    return encoder.statistics(network(x, encoder.layers))
