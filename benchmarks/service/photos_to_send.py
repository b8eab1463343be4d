"""Requests of real photos: JPEG bodies in the sizes of a mix, each in one of the styles."""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import skimage
from PIL import Image, ImageOps

from benchmarks.service.loopback import Request

# Width, height and how many of ten requests; upright phones among them.
MIXES: Mapping[str, Sequence[tuple[int, int, int]]] = {
    "256": [(256, 256, 10)],
    "512": [(512, 512, 10)],
    "mixed": [(256, 256, 3), (512, 512, 4), (1024, 768, 2), (768, 1024, 1)],
}
QUALITY = 92
# Beside the folder's own; its wheel carries freely licensed photographs.
BUILT_IN = [Path(skimage.__file__).parent / "data" / name for name in ("astronaut.png", "coffee.png", "chelsea.png")]
MAX_PHOTOS = 40


def photos(folder: Path | None) -> list[Path]:
    found = sorted(folder.glob("*.jpg"))[:MAX_PHOTOS] if folder else []
    return found or [path for path in BUILT_IN if path.exists()]


def jpeg_of(path: Path, width: int, height: int) -> bytes:
    """The middle of the photo at exactly this size."""
    with Image.open(path) as photo:
        fitted = ImageOps.fit(photo.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    fitted.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def requests(mix: str, paths: Sequence[Path], styles: Sequence[str]) -> list[Request]:
    """Each photo once in each turn of ten, in an order that is always the same."""
    sizes = [(width, height) for width, height, count in MIXES[mix] for _ in range(count)]
    each = max(1, -(-len(paths) // len(sizes)))
    pairs = list(zip(itertools.cycle(paths), sizes * each, strict=False))
    random.Random(0).shuffle(pairs)
    turn = itertools.cycle(styles)
    return [Request(f"/v1/stylize?styles={next(turn)}", jpeg_of(path, *size)) for path, size in pairs]
