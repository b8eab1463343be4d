"""`pastiche stylize --style-image`: a style that no model has yet, from pictures of it."""

from __future__ import annotations

from pathlib import Path

import torch

from app.engine.device import Device
from app.engine.style_reader import StyleReader
from app.engine.stylizer import Stylizer
from app.errors import PasticheError
from app.imaging.decode import decode
from app.imaging.encode import on_white
from app.imaging.picture import Pixels
from app.nets.norm import StyleRows
from app.registry.encoders import find_encoder
from app.registry.repository import Model
from app.settings import Settings

# What the style of pictures is called; no id of a model's own style.
STYLE_IMAGE = "style image"


class UnreadableStyleImage(Exception):
    """A style image cannot be read; the sentence says why."""


def read_style_images(
    model: Model, paths: list[Path], settings: Settings, device: Device
) -> tuple[Stylizer, dict[str, float]]:
    """A stylizer whose only style is that of pictures, blended evenly, and the blend that asks for it.

    Raises:
        InvalidModel: there is no style encoder for the model's generator.
        UnreadableStyleImage: a file is not an image.
    """
    found = find_encoder(settings.models_dir, model)
    reader = StyleReader(found.network, found.encoder, found.manifest.stroke)
    codes = [reader.code(read_style_image(path, settings)) for path in paths]
    gamma, beta = reader.row(torch.cat(codes).mean(dim=0, keepdim=True))
    rows = StyleRows(1, model.generator.features).requires_grad_(False)
    rows.gamma.copy_(gamma)
    rows.beta.copy_(beta)
    return Stylizer(model.generator, rows, (STYLE_IMAGE,), device), {STYLE_IMAGE: 1.0}


def read_style_image(path: Path, settings: Settings) -> Pixels:
    """The pixels of a style image, transparency on white. Raises UnreadableStyleImage."""
    try:
        data = path.read_bytes()
        picture = decode(data, settings.picture_megapixels, settings.edge_pixels, max_bytes=settings.decode_bytes)
    except OSError as error:
        raise UnreadableStyleImage(f"{path}: {error.strerror or error}.") from None
    except PasticheError as error:
        raise UnreadableStyleImage(f"{path}: {error.detail}") from None
    return picture.rgb if picture.alpha is None else on_white(picture.rgb, picture.alpha)
