import io
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from app.imaging import encode as encoding
from app.imaging.decode import decode
from app.imaging.encode import encode
from app.imaging.picture import Picture


@pytest.fixture(scope="module")
def tall():
    """Higher than two strips, and by no multiple of a block."""
    path = Path(skimage.__file__).parent / "data" / "coffee.png"
    photo = np.asarray(Image.open(path).convert("RGB").resize((203, 1301)))
    return Picture(np.ascontiguousarray(photo))


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("quality", [40, 90])
@pytest.mark.parametrize("height", [1301, 1024, 1025, 512])
def test_strips_make_the_picture_that_one_piece_makes(tall, quality, height, monkeypatch):
    """Blocks are coded alone, so every pixel is the same; below quality 90 the chroma of 16 x 16 pixels is, too."""
    picture = Picture(tall.rgb[:height])
    whole = encode(picture, "jpeg", quality)
    monkeypatch.setattr(encoding, "STRIPPED_MEGAPIXELS", 0)
    joined = encode(picture, "jpeg", quality)
    assert joined != whole
    assert np.array_equal(pixels(joined), pixels(whole))
    assert len(joined) < 1.05 * len(whole)
    # The service's own reader counts markers, and looks for missing blocks.
    assert np.array_equal(decode(joined, 64).rgb, pixels(whole))


def test_transparency_is_white_in_strips_too(tall, monkeypatch):
    alpha = np.zeros(tall.rgb.shape[:2], np.uint8)
    alpha[:700] = 255
    picture = Picture(tall.rgb, alpha)
    whole = encode(picture, "jpeg", 90)
    monkeypatch.setattr(encoding, "STRIPPED_MEGAPIXELS", 0)
    joined = pixels(encode(picture, "jpeg", 90))
    assert np.array_equal(joined, pixels(whole))
    assert joined[720:].min() == 255
