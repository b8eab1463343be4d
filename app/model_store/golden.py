"""The golden image: a small fixed input. A version must reproduce its recorded results before it is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from app.engine.device import Device
from app.engine.openvino_graph import NonFiniteError
from app.engine.stylizer import Stylizer
from app.imaging.picture import Pixels
from app.registry.error import InvalidModel
from app.registry.repository import Model

EDGE = 64  # pixels
CELLS = 4  # along an edge
# Tolerance for the mean of a cell, in 8-bit steps. bfloat16 changes the means of compact@1 by at most 0.6; any two of
# its styles differ by 35 or more in some cell.
TOLERANCE = 6.0

# Results by style: the means of 4 x 4 cells, row by row, each red, green and blue.
Golden = Mapping[str, Sequence[float]]


def golden_picture() -> Pixels:
    """Gradients, an edge and a fine texture, from integers: the same on every machine."""
    y, x = np.mgrid[0:EDGE, 0:EDGE]
    shade = np.stack([4 * x, 4 * y, 255 - 2 * (x + y)], axis=2)
    shade[16:48, 16:48] = 255 - shade[16:48, 16:48]
    texture = (37 * x * x + 101 * y * y + 59 * x * y) % 64 - 32
    golden: Pixels = np.clip(shade + texture[:, :, None], 0, 255).astype(np.uint8)
    return golden


def golden_stylizer(model: Model) -> Stylizer:
    """A stylizer with the precision in which golden images are recorded."""
    device = Device(torch.device("cpu"), torch.float32, "cpu")
    return Stylizer(model.generator, model.rows, model.manifest.style_ids, device)


def paint_golden(stylizer: Stylizer) -> dict[str, list[float]]:
    """Figures of the golden image in every style. Raises InvalidModel if a result is not a valid image."""
    styles = stylizer.style_ids
    try:
        paintings = _paint(stylizer, styles)
    except InvalidModel:
        for style in styles:  # find out which style it is
            _paint(stylizer, [style])
        raise
    return {style: _figures(style, painting) for style, painting in zip(styles, paintings, strict=True)}


def check_golden(stylizer: Stylizer, recorded: Any = None) -> None:
    """Stylize it in every style.

    Args:
        recorded: the `Golden` of the publication; None: there is no record, only check that the output is valid.

    Raises:
        InvalidModel: a result is not finite, has a single colour, or differs from the record.
    """
    painted = paint_golden(stylizer)
    if recorded is None:
        return
    if not isinstance(recorded, Mapping) or recorded.keys() != painted.keys():
        raise InvalidModel("The golden pictures on record are not of this version's styles.")
    for style, cells in painted.items():
        if not _close(cells, recorded[style]):
            raise InvalidModel(f"The golden picture in {style} is not the one on record.")


def _paint(stylizer: Stylizer, styles: Sequence[str]) -> list[Pixels]:
    try:
        return stylizer.paint([golden_picture()] * len(styles), [{style: 1.0} for style in styles])
    except NonFiniteError:
        raise InvalidModel(f"The golden picture in {styles[0]} is not finite.") from None


def _figures(style: str, painting: Pixels) -> list[float]:
    if (painting == painting[0, 0]).all():
        raise InvalidModel(f"The golden picture in {style} is of one colour.")
    size = EDGE // CELLS
    means = painting.reshape(CELLS, size, CELLS, size, 3).mean(axis=(1, 3))
    return [round(float(mean), 1) for mean in means.ravel()]


def _close(cells: Sequence[float], recorded: Any) -> bool:
    try:
        return bool(np.abs(np.subtract(cells, np.asarray(recorded, float))).max() <= TOLERANCE)
    except (TypeError, ValueError):
        return False
