"""The loss network (`Descriptor`): VGG features by layer name, from any known layout of weights.

A layer `reluB_I` is the rectified output of convolution I in block B, as in Simonyan & Zisserman (1409.1556). Pictures
go in as RGB in 0..1; each layout's own colour order and scale are folded into a 1x1 convolution at the entry.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

# Convolutions of each block; the index of a torchvision `features.N` follows from them.
VGG16 = (2, 2, 3, 3, 3)
VGG19 = (2, 2, 4, 4, 4)

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB, the statistics of torchvision's weights
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)  # the statistics of the original weights, in 0..255

Padding = Literal["zeros", "reflect"]


class UnknownLayout(Exception):
    """The tensors are not those of a VGG in any known layout."""


class Descriptor(nn.Module):
    """A VGG up to its deepest given convolution, frozen.

    Args:
        entry: weight (3, 3) and bias (3,) that turn RGB in 0..1 into what the first convolution expects.
        convolutions: name `B_I` -> weight (out, in, 3, 3) and bias (out,).
        padding: mode of the one-pixel padding around every convolution: "zeros" for VGG as published, or "reflect".
        heads: layer name -> weight (out, in, 1, 1) and bias: linear maps to a larger network's features, if any.

    Raises:
        ValueError: if a shape does not fit the one before it.
        KeyError: if a head belongs to a layer that is not there.
    """

    def __init__(
        self,
        entry: tuple[Tensor, Tensor],
        convolutions: Mapping[str, tuple[Tensor, Tensor]],
        padding: Padding = "zeros",
        heads: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    ) -> None:
        super().__init__()
        check_channels(convolutions, heads or {})
        self.entry = frozen_convolution(entry[0].reshape(3, 3, 1, 1), entry[1])
        self.convolutions = nn.ModuleDict(
            {name: frozen_convolution(*convolutions[name], padding) for name in sorted(convolutions)}
        )
        self.heads = nn.ModuleDict({name: frozen_convolution(*pair) for name, pair in (heads or {}).items()})

    def narrow(self, dtype: torch.dtype) -> Descriptor:
        """Compute features in `dtype` from now on."""
        self.convolutions.to(dtype)
        self.heads.to(dtype)
        return self

    @property
    def dtype(self) -> torch.dtype:
        return next(self.convolutions.parameters()).dtype

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of all layers, from the first to the deepest."""
        return tuple(f"relu{name}" for name in self.convolutions)

    def padded(self, padding: Padding) -> Descriptor:
        """A copy that pads every convolution in the other way."""
        other = copy.deepcopy(self)
        for module in other.convolutions.modules():
            if isinstance(module, nn.Conv2d):
                module.padding_mode = padding
        return other

    def forward(self, x: Tensor, layers: Iterable[str] = STYLE_LAYERS, *, rectified: bool = True) -> dict[str, Tensor]:
        """Features (B, C, H, W) by layer name, of x (B, 3, H, W) RGB in 0..1; or their values before the ReLU.

        Raises:
            KeyError: if a layer is not in the network.
        """
        wanted = set(layers)
        if missing := wanted.difference(self.layers):
            raise KeyError(f"The loss network has no layer {', '.join(sorted(missing))}.")
        features: dict[str, Tensor] = {}
        # Pictures enter in float32; the layers compute in whatever type the convolutions have been given.
        h = self.entry(x.float()).to(self.dtype)
        block = "1"
        for name, convolution in self.convolutions.items():
            if len(features) == len(wanted):
                break
            if name[0] != block:
                block = name[0]
                h = F.max_pool2d(h, 2)
            z = convolution(h)
            h = F.relu(z)
            if (layer := f"relu{name}") in wanted:
                features[layer] = h if rectified else z
        return features

    def mapped(self, features: Mapping[str, Tensor], *, rectified: bool = True) -> dict[str, Tensor]:
        """The features of layers with a head, mapped to the larger network's channels, after or before the ReLU."""
        mapped = {layer: self.heads[layer](h) for layer, h in features.items() if layer in self.heads}
        return {layer: F.relu(z) for layer, z in mapped.items()} if rectified else mapped


def check_channels(
    convolutions: Mapping[str, tuple[Tensor, Tensor]], heads: Mapping[str, tuple[Tensor, Tensor]]
) -> None:
    """Raise ValueError unless convolutions and heads take as many channels as the layer before them gives."""
    given = {"": 3}
    for before, name in pairwise(["", *sorted(convolutions)]):
        weight, _ = convolutions[name]
        if weight.shape[1] != given[before]:
            raise ValueError(f"convolution {name} takes {weight.shape[1]} channels and gets {given[before]}")
        given[name] = weight.shape[0]
    for layer, (weight, _) in heads.items():
        if weight.shape[1] != given[layer.removeprefix("relu")]:
            raise ValueError(f"the head of {layer} takes {weight.shape[1]} channels and gets {given[layer[4:]]}")


def frozen_convolution(weight: Tensor, bias: Tensor, padding_mode: Padding = "zeros") -> nn.Conv2d:
    outputs, inputs, kernel, width = weight.shape
    if kernel != width or kernel % 2 == 0 or bias.shape != (outputs,):
        raise ValueError(f"a convolution cannot have weight {tuple(weight.shape)} and bias {tuple(bias.shape)}")
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode=padding_mode)
    convolution.weight = nn.Parameter(weight.detach().float().clone(), requires_grad=False)
    convolution.bias = nn.Parameter(bias.detach().float().clone(), requires_grad=False)
    return convolution


def load_descriptor(tensors: Mapping[str, Tensor]) -> Descriptor:
    """Build the loss network from a state dict in any known layout.

    Known layouts: our own `slim` (the state dict of `Descriptor`, mirror padding), torchvision's VGG-16 and VGG-19
    (`features.0.weight`), the original one (`conv1_1.weight`, BGR in 0..255), and Collaborative Distillation's
    (`conv11.weight`, with `conv0` for the preprocessing and `conv11_aux` for the heads; Wang et al., CVPR 2020).

    Raises:
        UnknownLayout: it is none of these, a convolution is missing, or a tensor has no partner or a wrong shape.
    """
    layouts = {
        "convolutions.1_1.weight": from_slim,
        "features.0.weight": from_torchvision,
        "conv1_1.weight": from_original,
        "conv11.weight": from_distilled,
    }
    for key, build in layouts.items():
        if key in tensors:
            try:
                return build(tensors)
            except KeyError as error:
                raise UnknownLayout(f"The {build.__name__[5:]} weights lack {error.args[0]}.") from error
            except (ValueError, RuntimeError, IndexError) as error:
                raise UnknownLayout(f"The {build.__name__[5:]} weights do not fit together: {error}.") from error
    raise UnknownLayout("The tensors are not those of a VGG in a layout that is known here.")


def pairs(tensors: Mapping[str, Tensor], pattern: str) -> dict[tuple[str, ...], tuple[Tensor, Tensor]]:
    """(weight, bias) by the groups of `pattern`, for every name `<pattern>.weight`."""
    found = ((re.fullmatch(pattern + r"\.weight", name), name) for name in tensors)
    return {
        match.groups(): (tensors[name], tensors[name.removesuffix("weight") + "bias"]) for match, name in found if match
    }


def from_slim(tensors: Mapping[str, Tensor]) -> Descriptor:
    convolutions = {name: pair for (name,), pair in pairs(tensors, r"convolutions\.(\d_\d)").items()}
    heads = {name: pair for (name,), pair in pairs(tensors, r"heads\.(relu\d_\d)").items()}
    return Descriptor((tensors["entry.weight"], tensors["entry.bias"]), convolutions, "reflect", heads)


def from_torchvision(tensors: Mapping[str, Tensor]) -> Descriptor:
    given = {int(index): pair for (index,), pair in pairs(tensors, r"features\.(\d+)").items()}
    # Both networks have a convolution at 14; at 16 only VGG-19 has one.
    names = torchvision_names(VGG19 if 16 in given else VGG16)
    std = torch.tensor(IMAGENET_STD)
    entry = (torch.diag(1 / std), -torch.tensor(IMAGENET_MEAN) / std)
    return Descriptor(entry, without_gaps({names[index]: pair for index, pair in given.items()}))


def torchvision_names(blocks: tuple[int, ...]) -> dict[int, str]:
    """Position in torchvision's `features` -> convolution name: each has a ReLU behind it, each block a pooling."""
    names, position = {}, 0
    for block, convolutions in enumerate(blocks, start=1):
        for convolution in range(1, convolutions + 1):
            names[position] = f"{block}_{convolution}"
            position += 2
        position += 1
    return names


def without_gaps(convolutions: dict[str, tuple[Tensor, Tensor]]) -> dict[str, tuple[Tensor, Tensor]]:
    """The same convolutions, if they are the first ones of VGG-16 or VGG-19.

    With one missing, the channels often still fit, and the features would silently be wrong.
    """
    given = sorted(convolutions)
    networks = [list(torchvision_names(blocks).values()) for blocks in (VGG16, VGG19)]
    if not any(given == network[: len(given)] for network in networks):
        raise ValueError(f"{', '.join(given)} are not the first convolutions of a VGG")
    return convolutions


def from_original(tensors: Mapping[str, Tensor]) -> Descriptor:
    entry = (255 * torch.eye(3).flip(0), -torch.tensor(CAFFE_MEAN_BGR))
    convolutions = {name: pair for (name,), pair in pairs(tensors, r"conv(\d_\d)").items()}
    return Descriptor(entry, without_gaps(convolutions))


def from_distilled(tensors: Mapping[str, Tensor]) -> Descriptor:
    convolutions = {f"{b}_{i}": pair for (b, i), pair in pairs(tensors, r"conv([1-5])(\d)").items()}
    heads = {f"relu{b}_{i}": pair for (b, i), pair in pairs(tensors, r"conv([1-5])(\d)_aux").items()}
    entry = (tensors["conv0.weight"], tensors["conv0.bias"])
    return Descriptor(entry, without_gaps(convolutions), "reflect", heads)
