"""A generator written out as an OpenVINO graph, node by node: images as bytes in, stylized images as bytes out.

A graph is written from the modules and not traced from a run: it takes milliseconds in place of seconds, and height and
width stay free. Gamma and beta are inputs, so every style and blend has the same graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, cast

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset15 as op
from torch import Tensor

from app.engine.openvino_runtime import STUB, TICKET
from app.nets.fixed_norm import FoldedNorm
from app.nets.generators import Compact, ConvNorm, Hourglass, Residual, Trunk
from app.nets.norm import EPSILON, BatchNorm, Norm

PICTURE, GAMMA, BETA, GRAIN = "picture", "gamma", "beta", "grain"
PAINTING, TOTAL = "painting", "total"

# Of the 2x2 positions that are folded into one: (dy, dx), in the order of the channels.
PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))
# float32 values in a vector register of AVX-512.
LANES = 16

# openvino has no types.
Node = Any
Values = NDArray[np.float32]


def lower(generator: Trunk) -> ov.Model:
    """The graph of a generator, for one picture at a time, in float32 until it is compiled.

    Its inputs: `picture` (1, H, W, 3) uint8 sRGB, H and W multiples of `generator.multiple`; `gamma` and `beta`
    (1, features); `ticket` (1,) int32, any number; for `Compact` also `grain` (1, 1, H/2, W/2).

    Its outputs: `painting` like `picture`, rounded to the nearest; `total` (1,), the sum of the values that were
    rounded, which is finite if all of them are; and `stub` (1,) int32, the ticket plus the first byte of the result,
    which shows that the result is this picture's.
    """
    return Lowering(generator).model()


class Lowering:
    """Lowers one generator, once."""

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
        ticket = op.parameter([1], np.int32)
        first = op.slice(op.reshape(painting, axes(-1), special_zero=False), axes(0), axes(1), axes(1), axes(0))
        stub = op.add(ticket, op.convert(first, np.int32))
        inputs = {PICTURE: self._picture, GAMMA: self._rows[0], BETA: self._rows[1], TICKET: ticket}
        if self._has_grain:
            inputs[GRAIN] = self._grain
        for name, node in (inputs | {PAINTING: painting, TOTAL: total, STUB: stub}).items():
            node.output(0).set_names({name})
        return ov.Model([painting, total, stub], list(inputs.values()), type(self._trunk).__name__)

    def seen(self) -> Node:
        """The input of the first layer, in 0..1."""
        x = op.transpose(op.convert(self._picture, np.float32), axes(0, 3, 1, 2))
        x = op.multiply(x, scalar(1 / 255))
        if not self._has_grain:
            return x
        return op.concat([op.space_to_depth(x, "depth_first", 2), self._grain], 1)

    def paint(self, x: Node) -> Node:
        """See `Trunk.paint`."""
        x = op.relu(self.conv_norm(self._trunk.entry, x))
        for layer in cast(Iterable[ConvNorm], self._trunk.down):
            x = op.relu(self.conv_norm(layer, x))
        for hourglass in cast(Iterable[Hourglass], self._trunk.deep):
            x = self.hourglass(hourglass, x)
        for block in cast(Iterable[Residual], self._trunk.blocks):
            x = self.residual(block, x)
        for layer in cast(Iterable[ConvNorm], self._trunk.up):
            x = op.relu(self.conv_norm(layer, x))
        return op.sigmoid(self.conv_norm(self._trunk.last, x))

    def hourglass(self, block: Hourglass, x: Node) -> Node:
        change = x
        for layer in cast(Iterable[ConvNorm], block.down):
            change = op.relu(self.conv_norm(layer, change))
        change = self.conv_norm(block.back, self.residual(block.block, change))
        return op.add(x, enlarged(change, block.factor, "linear_onnx", "half_pixel"))

    def residual(self, block: Residual, x: Node) -> Node:
        return op.add(x, self.conv_norm(block.second, op.relu(self.conv_norm(block.first, x))))

    def conv_norm(self, layer: ConvNorm, x: Node) -> Node:
        # A picture of one colour leaves the norms nothing but errors of rounding. Where no noise is added to it, these
        # must be the same at every position, as they are where every position is computed in the same way.
        if self._has_grain and layer is self._trunk.last:
            x = folded_convolution(layer, x)
        elif self._has_grain and layer.enlarge == 2 and layer.conv.kernel_size[0] == 3:
            x = enlarging_convolution(layer, x)
        else:
            x = convolution(layer, x)
        if layer.conv.bias is not None:
            x = op.add(x, constant(channels(layer.conv.bias)))
        return self.norm(layer.norm, x)

    def norm(self, norm: Norm, x: Node) -> Node:
        scale, shift = next(self._gammas), next(self._betas)
        if isinstance(norm, FoldedNorm):
            return x
        if isinstance(norm, BatchNorm):
            scale = op.multiply(scale, constant(channels((norm.variance + EPSILON).rsqrt())))
            shift = op.subtract(shift, op.multiply(scale, constant(channels(norm.mean))))
        else:
            x = op.mvn(x, axes(2, 3), True, EPSILON, "inside_sqrt")
        return op.add(op.multiply(x, channels_last(scale, norm.channels)), channels_last(shift, norm.channels))


def convolution(layer: ConvNorm, x: Node) -> Node:
    """The convolution of a layer, without rearranging it."""
    if layer.enlarge > 1:
        x = enlarged(x, layer.enlarge)
    x = bordered(x, layer.conv.kernel_size[0] // 2, "reflect")
    return convolved(x, kernels(layer), layer.conv.stride[0])


def enlarging_convolution(layer: ConvNorm, x: Node) -> Node:
    """A 3x3 convolution after an enlargement to twice the size, done before it: with 4 of 9 multiplications.

    Of the three positions of a kernel along an edge of the enlarged picture, two lie on the same small position. So
    each of the four places in a small position has a 2x2 kernel of its own, whose values are sums. A mirrored pixel
    lies in the same small position as its source, so the small picture is padded with its edge.
    """
    wide = kernels(layer)
    parts = []
    for dy, dx in PLACES:
        small = np.zeros((*wide.shape[:2], 2, 2), np.float32)
        for i, j in np.ndindex(3, 3):
            small[:, :, (dy + i + 1) // 2 - dy, (dx + j + 1) // 2 - dx] += wide[:, :, i, j]
        padded = op.pad(x, np.array([0, 0, 1 - dy, 1 - dx]), np.array([0, 0, dy, dx]), "edge")
        parts.append(convolved(padded, small))
    return op.depth_to_space(op.concat(parts, 1), "blocks_first", 2)


def folded_convolution(layer: ConvNorm, x: Node) -> Node:
    """A convolution of few outputs on 2x2 positions at once: 12 of a vector's 16 lanes compute in place of 3."""
    kernel = kernels(layer)
    outputs, inputs, size, _ = kernel.shape
    reach = (size // 2 + 1) // 2  # in folded positions
    folded = np.zeros((2, 2, outputs, 2, 2, inputs, 2 * reach + 1, 2 * reach + 1), np.float32)
    for (dy, dx), i, j in product(PLACES, range(size), range(size)):
        row, column = dy + i - size // 2, dx + j - size // 2
        folded[dy, dx, :, row % 2, column % 2, :, row // 2 + reach, column // 2 + reach] = kernel[:, :, i, j]
    x = op.space_to_depth(bordered(x, 2 * reach, "reflect"), "blocks_first", 2)
    x = convolved(x, folded.reshape(4 * outputs, 4 * inputs, 2 * reach + 1, 2 * reach + 1))
    return op.depth_to_space(x, "blocks_first", 2)


def channels_last(row: Node, width: int) -> Node:
    """A row (1, width, 1, 1) in the memory layout that convolutions produce.

    An identity convolution changes the layout and keeps the values. If a picture and its row have different layouts,
    OpenVINO reorders the picture before the sum and again after it, which takes a tenth of the whole time.
    """
    if width % LANES:
        return row
    return convolved(row, np.eye(width, dtype=np.float32)[:, :, None, None])


def pieces(row: Node, widths: Sequence[int]) -> list[Node]:
    """(1, sum of widths) -> (1, width, 1, 1) each."""
    parts = op.variadic_split(row, np.int64(1), np.array(widths, np.int64))
    return [op.unsqueeze(parts.output(index), axes(2, 3)) for index in range(len(widths))]


def enlarged(x: Node, factor: int, mode: str = "nearest", places: str = "asymmetric") -> Node:
    """By nearest neighbour, or linearly with "linear_onnx" and "half_pixel": as `F.interpolate` of torch does it."""
    scales = op.constant(np.full(2, factor, np.float32))
    return op.interpolate(
        x,
        scales,
        mode,
        "scales",
        axes=axes(2, 3),
        coordinate_transformation_mode=places,
        nearest_mode="floor",
    )


def bordered(x: Node, pixels: int, mode: str) -> Node:
    border = np.array([0, 0, pixels, pixels])
    return op.pad(x, border, border, mode) if pixels else x


def convolved(x: Node, kernel: Values, stride: int = 1) -> Node:
    return op.convolution(x, constant(kernel), [stride] * 2, [0, 0], [0, 0], [1, 1])


def kernels(layer: ConvNorm) -> Values:
    """(outputs, inputs, height, width)"""
    values: Values = layer.conv.weight.detach().float().cpu().numpy()
    return values


def channels(tensor: Tensor) -> Values:
    """(C,) -> (1, C, 1, 1)"""
    values: Values = tensor.detach().float().cpu().numpy()[None, :, None, None]
    return values


def constant(values: Values) -> Node:
    return op.constant(np.ascontiguousarray(values))


def scalar(value: float) -> Node:
    return op.constant(np.float32(value))


def axes(*numbers: int) -> Node:
    return op.constant(np.array(numbers, np.int64))
