"""A generator written out as an OpenVINO graph, node by node: pictures as bytes in, paintings as bytes out.

A graph is written from the modules and not traced from a run: it takes milliseconds in place of seconds, and height and
width stay free. Gamma and beta are inputs, so every style and blend has the same graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset15 as op
from torch import Tensor

from app.nets.generators import Compact, ConvNorm, Residual, Trunk
from app.nets.norm import EPSILON, BatchNorm, Norm

PICTURE, GAMMA, BETA, GRAIN = "picture", "gamma", "beta", "grain"
PAINTING, TOTAL = "painting", "total"

# openvino has no types.
Node = Any


def lower(generator: Trunk) -> ov.Model:
    """The graph of a generator, for one picture at a time, in float32 until it is compiled.

    Its inputs: `picture` (1, H, W, 3) uint8 sRGB, H and W multiples of `generator.multiple`; `gamma` and `beta`
    (1, features); for `Compact` also `grain` (1, 1, H/2, W/2). Its outputs: `painting` like `picture`, rounded to the
    nearest, and `total` (1,), the sum of the values that were rounded, which is finite if all of them are.
    """
    return Lowering(generator).model()


class Lowering:
    """One generator on its way."""

    def __init__(self, generator: Trunk) -> None:
        self._trunk = generator
        self._has_grain = isinstance(generator, Compact)
        self._picture = op.parameter([1, -1, -1, 3], np.uint8)
        self._grain = op.parameter([1, 1, -1, -1], np.float32)
        self._rows = [op.parameter([1, generator.features], np.float32) for _ in range(2)]
        # Of one norm after the other, in the order in which they run.
        self._gammas, self._betas = (iter(pieces(row, generator.widths)) for row in self._rows)

    def model(self) -> ov.Model:
        painted = self.paint(self.seen())
        total = op.reduce_sum(painted, axes(1, 2, 3), keep_dims=False)
        stepped = op.clamp(op.round(op.multiply(painted, scalar(255)), "half_to_even"), 0.0, 255.0)
        painting = op.convert(op.transpose(stepped, axes(0, 2, 3, 1)), np.uint8)
        inputs = {PICTURE: self._picture, GAMMA: self._rows[0], BETA: self._rows[1]}
        if self._has_grain:
            inputs[GRAIN] = self._grain
        for name, node in (inputs | {PAINTING: painting, TOTAL: total}).items():
            node.output(0).set_names({name})
        return ov.Model([painting, total], list(inputs.values()), type(self._trunk).__name__)

    def seen(self) -> Node:
        """What the first layer sees of the picture, in 0..1."""
        x = op.transpose(op.convert(self._picture, np.float32), axes(0, 3, 1, 2))
        x = op.multiply(x, scalar(1 / 255))
        if not self._has_grain:
            return x
        return op.concat([op.space_to_depth(x, "depth_first", 2), self._grain], 1)

    def paint(self, x: Node) -> Node:
        """As `Trunk.paint` has it."""
        x = op.relu(self.conv_norm(self._trunk.entry, x))
        for layer in cast(Iterable[ConvNorm], self._trunk.down):
            x = op.relu(self.conv_norm(layer, x))
        for block in cast(Iterable[Residual], self._trunk.blocks):
            x = self.residual(block, x)
        for layer in cast(Iterable[ConvNorm], self._trunk.up):
            x = op.relu(self.conv_norm(layer, x))
        return op.sigmoid(self.conv_norm(self._trunk.last, x))

    def residual(self, block: Residual, x: Node) -> Node:
        return op.add(x, self.conv_norm(block.second, op.relu(self.conv_norm(block.first, x))))

    def conv_norm(self, layer: ConvNorm, x: Node) -> Node:
        if layer.enlarge > 1:
            x = enlarged(x, layer.enlarge)
        stride, kernel = layer.conv.stride[0], layer.conv.kernel_size[0]
        x = op.convolution(mirrored(x, kernel // 2), weights(layer.conv.weight), [stride] * 2, [0, 0], [0, 0], [1, 1])
        return self.norm(layer.norm, x)

    def norm(self, norm: Norm, x: Node) -> Node:
        gamma, beta = next(self._gammas), next(self._betas)
        if isinstance(norm, BatchNorm):
            narrowed = (norm.variance + EPSILON).rsqrt()
            scale = op.multiply(gamma, channels(narrowed))
            shift = op.subtract(beta, op.multiply(scale, channels(norm.mean)))
            return op.add(op.multiply(x, scale), shift)
        centred = op.mvn(x, axes(2, 3), True, EPSILON, "inside_sqrt")
        return op.add(op.multiply(centred, gamma), beta)


def pieces(row: Node, widths: Sequence[int]) -> list[Node]:
    """(1, sum of widths) -> (1, width, 1, 1) each."""
    parts = op.variadic_split(row, np.int64(1), np.array(widths, np.int64))
    return [op.unsqueeze(parts.output(index), axes(2, 3)) for index in range(len(widths))]


def enlarged(x: Node, factor: int) -> Node:
    """By nearest neighbour, as `torch.nn.functional.interpolate` does it."""
    scales = op.constant(np.full(2, factor, np.float32))
    return op.interpolate(
        x,
        scales,
        "nearest",
        "scales",
        axes=axes(2, 3),
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def mirrored(x: Node, pixels: int) -> Node:
    if not pixels:
        return x
    border = np.array([0, 0, pixels, pixels], np.int64)
    return op.pad(x, border, border, "reflect")


def weights(tensor: Tensor) -> Node:
    values: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return op.constant(values)


def channels(tensor: Tensor) -> Node:
    return op.reshape(weights(tensor), np.array([1, -1, 1, 1], np.int64), special_zero=False)


def scalar(value: float) -> Node:
    return op.constant(np.float32(value))


def axes(*numbers: int) -> Node:
    return op.constant(np.array(numbers, np.int64))
