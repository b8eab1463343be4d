"""A generator as an ONNX graph: pictures of any size and any number in, with a row of gamma and beta for each."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from app.nets.generators import Generator

INPUTS = ("picture", "gamma", "beta")
OUTPUT = "painting"
PICTURE = ("batch", None, "height", "width")
ROWS = ("batch", None)
OPSET = 18
# Any size will do that strides and padding make something of, and no edge may be 0 or 1: those sizes become constants.
EXAMPLE = (2, 3, 40, 56)


class ExportUnavailable(Exception):
    """A package that writes ONNX is missing; the sentence says how to get it."""


class AnySize(nn.Module):
    """The generator, with paddings that one graph can do for every size.

    `Generator.forward` decides by the picture's size whether to pad. Here every picture is read through an index that
    repeats its edge and mirrors it as far as that size needs, which may be not at all.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, picture: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """See `Generator.forward`."""
        padded = self.enlarged(self.enlarged(picture, -2), -1)
        painted = self.generator.paint(padded, self.generator.split(gamma, beta))
        return self.generator.within(painted, *picture.shape[-2:])

    def enlarged(self, x: Tensor, dim: int) -> Tensor:
        """Like `pad_to_multiple`, along one dimension."""
        multiple, margin = self.generator.multiple, self.generator.margin
        edge = x.shape[dim]
        repeated = torch.sym_max(edge, self.generator.smallest)  # type: ignore[no-untyped-call]
        enlarged = (repeated + 2 * margin + multiple - 1) // multiple * multiple
        index = (torch.arange(enlarged, device=x.device) - margin).abs()
        mirrored = torch.where(index < repeated, index, 2 * (repeated - 1) - index)
        return x.index_select(dim, mirrored.clamp(max=edge - 1))


def export_onnx(generator: Generator, file: Path) -> None:
    """Write the generator in float32, whatever it computes in.

    Its inputs: `picture` (B, 3, H, W) sRGB in 0..1, `gamma` and `beta` (B, features). Its output: `painting` like
    `picture`. B, H and W are free.

    Raises:
        ExportUnavailable: onnx or onnxscript is not installed.
        OSError: the file cannot be written.
    """
    check_installed()
    rows = torch.rand(EXAMPLE[0], generator.features)
    example = (torch.rand(EXAMPLE), rows, rows.clone())
    free = torch.export.Dim.DYNAMIC
    shapes = {"picture": {0: free, 2: free, 3: free}, "gamma": {0: free}, "beta": {0: free}}
    anysize = AnySize(generator.float().cpu().eval())
    with quiet():
        # Strictly: by itself the exporter first tries it otherwise, which makes the number of pictures a constant.
        captured = torch.export.export(anysize, example, dynamic_shapes=shapes, strict=True)
        program = torch.onnx.export(
            captured,
            dynamo=True,
            input_names=INPUTS,
            output_names=[OUTPUT],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    picture, gamma, beta = program.model.graph.inputs
    [painting] = program.model.graph.outputs
    for value, names in ((picture, PICTURE), (gamma, ROWS), (beta, ROWS), (painting, PICTURE)):
        rename_dimensions(value, names)
    program.save(str(file), external_data=False)


def rename_dimensions(value: Any, names: Sequence[str | None]) -> None:
    """Those that are free; the exporter numbers them, or writes how they follow from others."""
    for dimension, name in enumerate(names):
        if name is not None:
            value.shape[dimension] = name


def check_installed() -> None:
    """Raises ExportUnavailable."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401 - both are an extra, and slow to import
    except ModuleNotFoundError as error:
        raise ExportUnavailable(
            f"There is no package {error.name}: pip install '.[export]' in the checkout."
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter warns of its own insides."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
