"""From a style image to a row of a generator, in one pass."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from app.imaging.picture import Picture, Pixels
from app.imaging.resize import fitted, resize
from app.nets.descriptor import Descriptor
from app.nets.precision import supports_bfloat16
from app.nets.style_encoder import StyleEncoder


class StyleReader:
    """A style encoder with the loss network that it looks through, on the CPU. It takes both over.

    In bfloat16, where the processor has it, the loss network takes half of the time, and a code moves by half a
    hundredth of its length.

    Args:
        stroke: longer edge in pixels at which it sees a style image, whatever that image's size.
    """

    def __init__(self, network: Descriptor, encoder: StyleEncoder, stroke: int) -> None:
        if supports_bfloat16("cpu"):
            network.narrow(torch.bfloat16).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network
        self._encoder = encoder
        self.stroke = stroke

    @torch.inference_mode()
    def code(self, image: Pixels) -> Tensor:
        """The code (1, bottleneck) of a style image (H, W, 3) in sRGB. Means of codes are styles too."""
        height, width, _ = image.shape
        seen = resize(Picture(image), *fitted(width, height, self.stroke)).rgb
        picture = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None].float() / 255
        return self._encoder.code(self._encoder.statistics(self._network(picture, self._encoder.layers)))

    @torch.inference_mode()
    def row(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (B, bottleneck) -> gamma, beta (B, features)."""
        return self._encoder.row(code)
