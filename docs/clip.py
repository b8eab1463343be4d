"""The clip of the README: a cup of coffee that a camera circles, while one style becomes the next.

usage: python docs/clip.py docs/clip.webp
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from app.engine.device import device_of
from app.engine.frame_painter import FramePainter
from app.engine.render import Rendering
from app.imaging.decode import decode
from app.imaging.picture import Picture
from app.model_store.loading import load_stylizer
from app.model_store.store import open_model_store
from app.settings import load_settings
from app.video.frame import Frame
from app.video.steadiness import Steadiness
from app.video.writing import write_clip

PHOTO = Path(__file__).parents[1] / "app" / "web" / "samples" / "coffee.jpg"
MODEL = "compact"
STYLES = ("starry_night", "the_scream", "udnie", "starry_night")
FRAMES, RATE = 14, 10  # from one style to the next, and a second
WIDTH, HEIGHT, RADIUS = 420, 280, 28  # pixels
QUALITY = 82


def camera(photo: Picture, turn: float) -> Picture:
    """Where it looks after `turn` of its circle, 0..1."""
    left = round((photo.width - WIDTH) / 2 + RADIUS * math.cos(2 * math.pi * turn))
    top = round((photo.height - HEIGHT) / 2 + RADIUS * math.sin(2 * math.pi * turn))
    return Picture(np.ascontiguousarray(photo.rgb[top : top + HEIGHT, left : left + WIDTH]))


def painted(photo: Picture) -> Iterator[Picture]:
    """One round."""
    settings = load_settings()
    stylizer = load_stylizer(open_model_store(settings), MODEL, device_of(settings, settings.engine_threads)).stylizer
    steadiness = Steadiness()
    places = [(pair, step) for pair in pairwise(STYLES) for step in range(FRAMES)]
    for number, ((start, end), step) in enumerate(places):
        rendering = Rendering(
            stylizer, {start: 1.0}, settings, None, "auto", "style", 1.0, enlarges=False, steady=steadiness
        )
        eased = (1 - math.cos(math.pi * step / FRAMES)) / 2
        yield FramePainter(rendering, {end: 1.0}).paint(camera(photo, number / len(places)), eased)


def main(path: Path) -> None:
    photo = decode(PHOTO.read_bytes(), max_megapixels=1)
    frames = (
        Frame(picture, Fraction(number, RATE), Fraction(1, RATE)) for number, picture in enumerate(painted(photo))
    )
    write_clip(path, path.suffix.removeprefix("."), frames, QUALITY)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
