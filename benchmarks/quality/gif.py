"""Which palette suits painted clips as GIFs: ways to choose 256 colours, and to spread what they miss.

Clips of `benchmarks.quality.video` are painted as `pastiche stylize` paints them. `error` is the root mean square
between the GIF and the clip in 8-bit levels, `seen` the same of means over 4 x 4 pixels, which is what the eye makes of
dithering, and `flicker` that of what changes between frames beyond what changes in the clip: shimmer of the GIF's own.

    python -m benchmarks.quality.gif --edge 320 --frames 12 --styles starry_night udnie
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import skimage
import torch
import torch.nn.functional as F
from PIL import GifImagePlugin, Image
from torch import Tensor

from app.imaging.picture import Picture, Pixels
from app.training.photos import read_picture
from app.video.animated_webp import write_piece
from app.video.frame import Frame
from app.video.gif import gif_of
from benchmarks.markdown_table import table
from benchmarks.quality.subject import Subject, add_model_options
from benchmarks.quality.video import PHOTOS, clips, one_by_one, steadied

KINDS = ("still", "pan")
MILLISECONDS = 40

Way = Callable[[list[Image.Image]], list[Image.Image]]


def per_frame(frames: list[Image.Image]) -> list[Image.Image]:
    return frames  # as Pillow does it


def shared(frames: list[Image.Image], method: Image.Quantize, dither: Image.Dither) -> list[Image.Image]:
    sheet = Image.fromarray(np.concatenate([np.asarray(frame)[::4] for frame in frames]))
    palette = sheet.quantize(256, method, dither=Image.Dither.NONE)
    return [frame.quantize(palette=palette, dither=dither) for frame in frames]


WAYS: dict[str, Way] = {
    "a palette for each frame": per_frame,
    "one, by median cut": partial(shared, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE),
    "one, by octree": partial(shared, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE),
    "the same, dithered": partial(shared, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.FLOYDSTEINBERG),
}


def pillows(frames: list[Image.Image]) -> bytes:
    file = BytesIO()
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:], duration=MILLISECONDS, optimize=False)
    return file.getvalue()


def ours(frames: list[Image.Image]) -> bytes:
    """As jobs and `pastiche stylize` write them."""
    tick = Fraction(MILLISECONDS, 1000)
    pictures = [Frame(Picture(np.asarray(frame)), number * tick, tick) for number, frame in enumerate(frames)]
    return gif_of([write_piece(pictures, None)], plays=0)


def shown(data: bytes, count: int) -> Pixels:
    """(T, H, W, 3)"""
    with GifImagePlugin.GifImageFile(BytesIO(data)) as image:
        frames = []
        for place in range(count):
            image.seek(place)
            frames.append(np.asarray(image.convert("RGB")))
    return np.stack(frames)


def rms(x: Tensor) -> float:
    return x.square().mean().sqrt().item()


def measures(found: Pixels, true: Pixels) -> tuple[float, float, float]:
    """error, seen and flicker"""
    gif, clip = (torch.from_numpy(frames).permute(0, 3, 1, 2).float() for frames in (found, true))
    return rms(gif - clip), rms(F.avg_pool2d(gif, 4) - F.avg_pool2d(clip, 4)), rms(gif.diff(dim=0) - clip.diff(dim=0))


def painted(args: argparse.Namespace) -> list[list[Image.Image]]:
    subject = Subject(args)
    photo = read_picture(Path(skimage.__file__).parent / "data" / PHOTOS[0], 2 * args.edge)
    found = []
    for clip in clips([photo], args.edge, args.frames):
        if clip.name in KINDS:
            for style in args.styles:
                frames = steadied(clip, one_by_one(clip, partial(subject.paint, blend={style: 1.0})), 0.85)
                levels = (frames * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
                found.append([Image.fromarray(np.ascontiguousarray(level)) for level in levels])
    return found


def row(name: str, write: Callable[[list[Image.Image]], bytes], films: list[list[Image.Image]]) -> list[str]:
    """Means over the clips."""
    sums = np.zeros(4)
    for frames in films:
        data = write(frames)
        true = np.stack([np.asarray(frame) for frame in frames])
        sums += (*measures(shown(data, len(frames)), true), len(data) / 1000 / len(frames))
    return [name, *(f"{value:.2f}" for value in sums[:3] / len(films)), f"{sums[3] / len(films):.1f}"]


@torch.inference_mode()
def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_options(parser)
    parser.add_argument("--styles", nargs="+", default=["starry_night", "udnie"], help="style ids")
    parser.add_argument("--edge", type=int, default=320, help="longer edge of the clips in pixels")
    parser.add_argument("--frames", type=int, default=12, help="of each clip")
    args = parser.parse_args(arguments)
    films = painted(args)
    rows = [row(name, lambda frames, way=way: pillows(way(frames)), films) for name, way in WAYS.items()]  # type: ignore[misc]
    rows.append(row("as it is written", ours, films))
    print(table(["palette", "error", "seen", "flicker", "kB a frame"], rows))


if __name__ == "__main__":
    main()
