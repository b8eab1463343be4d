"""What a style encoder reads of a style image, written out as an OpenVINO graph: a loss network and its statistics.

As in `openvino_lowering`, the graph is written from the modules, and height and width stay free.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import openvino as ov
import torch
from openvino import opset15 as op
from torch import Tensor, nn

from app.engine.openvino_lowering import PICTURE, Node, Values, axes, bordered, channels, constant, convolved, scalar
from app.engine.openvino_runtime import STUB, TICKET
from app.nets.descriptor import Descriptor
from app.nets.style_encoder import StyleEncoder


def lower_statistics(network: Descriptor, encoder: StyleEncoder) -> ov.Model:
    """The graph from one style image to the moments of `StyleEncoder.of_moments`.

    Its inputs: `picture` (1, H, W, 3) uint8 sRGB; `ticket` (1,) int32, any number.

    Its outputs, for each of the encoder's layers: `mean.LAYER` and `norm.LAYER` (1, C), the mean over positions and the
    root of the sum of squares; `gram.LAYER` (1, rank, rank), the sum over positions. And `stub` (1,) int32, the ticket
    plus the number of these outputs whose values are all finite.
    """
    layers = [cast(nn.Conv2d, layer) for layer in network.convolutions.values()]
    if any(layer.padding_mode != "reflect" for layer in layers):
        raise ValueError("only networks with mirrored borders are compiled")
    picture, ticket = op.parameter([1, -1, -1, 3], np.uint8), op.parameter([1], np.int32)
    # Of 0..255, which bfloat16 holds exactly.
    x = op.transpose(op.convert(picture, np.float32), axes(0, 3, 1, 2))
    outputs: dict[str, Node] = {}
    kernels: list[tuple[Tensor, Tensor]] = [(layer.weight, bias_of(layer)) for layer in layers]
    kernels[0] = with_entry(network.entry, layers[0])
    block = "1"
    for name, (kernel, bias) in zip(network.convolutions, kernels, strict=True):
        if len(outputs) == 3 * len(encoder.layers):
            break
        if name[0] != block:
            block = name[0]
            x = op.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2], "floor", "explicit", "i64").output(0)
        x = bordered(x, kernel.shape[2] // 2, "reflect")
        x = op.relu(op.add(convolved(x, array(kernel)), constant(channels(bias))))
        if (wanted := f"relu{name}") in encoder.layers:
            outputs |= moments(encoder, wanted, x)
    outputs[STUB] = op.add(ticket, finite_ones(list(outputs.values())))
    for name, node in ({PICTURE: picture, TICKET: ticket} | outputs).items():
        node.output(0).set_names({name})
    return ov.Model(list(outputs.values()), [picture, ticket], "statistics")


def with_entry(entry: nn.Conv2d, first: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Kernel and bias of the first layer for pixels in 0..255, with the linear preprocessing folded in.

    This needs mirrored borders: zeros would not be zero after the preprocessing.
    """
    kernel = torch.einsum("oeij,ec->ocij", first.weight.float(), entry.weight[:, :, 0, 0].float())
    bias = bias_of(first) + first.weight.float().sum(dim=(2, 3)) @ bias_of(entry)
    return kernel / 255, bias


def bias_of(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None  # the layers of a loss network have one
    return layer.bias.float()


def moments(encoder: StyleEncoder, layer: str, x: Node) -> dict[str, Node]:
    directions = array(encoder.get_buffer(f"directions_{layer}").mT)
    along = convolved(x, directions[:, :, None, None])
    flat = op.reshape(along, op.constant(np.array([1, len(directions), -1], np.int64)), special_zero=False)
    return {
        f"mean.{layer}": op.reduce_mean(x, axes(2, 3), keep_dims=False),
        # Squares that are written out would be stored; this operation has no use for memory.
        f"norm.{layer}": op.reduce_l2(x, axes(2, 3), keep_dims=False),
        f"gram.{layer}": op.matmul(flat, flat, False, True),
    }


def finite_ones(nodes: list[Node]) -> Node:
    """How many of `nodes` have finite values only: (1,) int32. It is computed after all of them."""
    ones = [op.convert(op.less(largest(node), scalar(np.inf)), np.int32) for node in nodes]
    return op.reduce_sum(op.concat(ones, 0), axes(0), keep_dims=True)


def largest(node: Node) -> Node:
    """The largest magnitude of a node's values, (1,); a NaN is less than nothing."""
    return op.reduce_max(op.abs(op.reshape(node, axes(-1), special_zero=False)), axes(0), keep_dims=True)


def array(tensor: Tensor) -> Values:
    values: Values = tensor.detach().float().numpy()
    return values
