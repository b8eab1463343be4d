"""Sample sheets: a few photos in every style, as one image to watch a training by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from app.nets.norm import StyleRows


@torch.inference_mode()
def paint_sample(generator: nn.Module, rows: StyleRows, photo: Tensor, style: int) -> Tensor:
    """One photo (1, 3, H, W) in the style of one row."""
    index = torch.tensor([style], device=rows.gamma.device)
    painted: Tensor = generator(photo.to(rows.gamma.device), *rows(index))
    return painted


def to_image(picture: Tensor) -> Image.Image:
    """(1, 3, H, W) in 0..1 -> an 8-bit RGB picture."""
    pixels = (picture[0] * 255).round().clamp(0, 255).byte().permute(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(pixels.cpu().numpy()))


def draw_sheet(generator: nn.Module, rows: StyleRows, photos: Sequence[Tensor]) -> Image.Image:
    """A sheet with the photos in the first row and one row per style below; cells fit the largest photo."""
    width, height = max(p.shape[3] for p in photos), max(p.shape[2] for p in photos)
    styles = rows.gamma.shape[0]
    sheet = Image.new("RGB", (width * len(photos), height * (styles + 1)), "white")
    for column, photo in enumerate(photos):
        sheet.paste(to_image(photo), (column * width, 0))
        for style in range(styles):
            painted = paint_sample(generator, rows, photo, style)
            sheet.paste(to_image(painted), (column * width, (style + 1) * height))
    return sheet
