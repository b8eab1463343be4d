"""`recipe=paper` paints, with the loss network that ships."""

from __future__ import annotations

import numpy as np
import skimage.data
import torch
from torch import Tensor

from app.gatys.objective import GatysLosses, GatysObjective
from app.gatys.options import GatysOptions
from app.gatys.transfer import Transfer
from app.registry.descriptors import SHIPPED_DESCRIPTOR, load_published
from app.settings import SHIPPED_MODELS


def planes(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def test_the_papers_method_takes_the_style_on() -> None:
    """The balanced style loss of the 8-bit picture falls to a tenth."""
    network = load_published(SHIPPED_MODELS, SHIPPED_DESCRIPTOR)
    photo, style = planes(skimage.data.chelsea()), planes(skimage.data.coffee())
    transfer = Transfer(photo, [(style, 1.0)], network, GatysOptions(recipe="paper", size=96, iterations=60))
    for _ in transfer.run():
        pass
    target = [(torch.nn.functional.interpolate(style, transfer.photo.shape[2:], mode="area"), 1.0)]
    judge = GatysObjective(network, transfer.photo, target, GatysOptions(size=96))

    def judged(picture: Tensor) -> GatysLosses:
        return judge.evaluate(picture)[0]

    assert judged(planes(transfer.picture())).style < judged(transfer.photo).style / 10
