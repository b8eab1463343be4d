"""A print of 100 megapixels: its time and memory, how crisp it is, and whether its tiles can be found.

A photo is enlarged to 100 megapixels, saved as a JPEG and stylized as `pastiche stylize` does. Sharpness is the energy
of differences between neighbouring pixels in the middle, relative to the painting that is only enlarged (Lanczos).

Then a sky is painted by `stroke=1` in one pass and in small tiles, with the statistics of the whole picture and with
those of samples. Of each: how far the spectrum of luminance stands above its surroundings at the period of the tiles,
in dB, and the standard deviation of what repeats in every tile, in 8-bit steps, as in artifacts.py; and how far it is
from the one pass: the largest difference, and the mean.

    python -m benchmarks.quality.prints photo.jpg --crop crop.png
"""

from __future__ import annotations

import argparse
import io
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from app.engine import tiled_painter
from app.engine.device import choose_device
from app.engine.openvino_graph import OpenVinoGraph
from app.engine.render import Large, Rendering
from app.engine.stylizer import Stylizer
from app.engine.tiled_painter import TiledPainter
from app.engine.tiling import spans
from app.imaging.encode import encode
from app.imaging.picture import Pixels
from app.imaging.region import Enlargement
from app.imaging.stroke import at_size
from app.machine import give_memory_back
from app.registry.repository import Repository
from app.settings import SHIPPED_MODELS, Settings, usable_cores
from app.training.photos import open_rgb
from benchmarks.markdown_table import table
from benchmarks.quality.artifacts import excess, grid, peak
from benchmarks.quality.blank_pictures import LUMA, sky
from benchmarks.quality.large import sharpness

MEGAPIXELS = 100
CROPPED = 800  # pixels of the middle
SKY_EDGE = 1024
TILE_EDGE = 368


def painted_print(stylizer: Stylizer, photo: Path, style: str, crop: Path | None) -> str:
    """Its figures in words."""
    image = open_rgb(photo)
    scale = (MEGAPIXELS * 1e6 / (image.width * image.height)) ** 0.5
    file = io.BytesIO()
    image.resize((round(scale * image.width), round(scale * image.height)), Image.Resampling.LANCZOS).save(file, "jpeg")
    rendering = Rendering(stylizer, {style: 1.0}, Settings(), None, "auto", "style", 1.0)
    quiet = Large("jpeg", lambda share: None)
    small = Rendering(stylizer, {style: 1.0}, Settings(), 1024, "auto", "style", 1.0).of_photo(file.getvalue(), quiet)
    idle, began, cpu = memory_now(), time.perf_counter(), time.process_time()
    result = rendering.of_photo(file.getvalue(), quiet)
    coded = encode(result, "jpeg", 90)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    place = (result.height // 2, result.width // 2, CROPPED, CROPPED)
    enlarged = Enlargement(small.rgb, result.width, result.height).region(*place)
    middle = Enlargement(result.rgb, result.width, result.height).region(*place)
    if crop:
        Image.fromarray(np.ascontiguousarray(middle)).save(crop)
    return (
        f"{style}, {result.width} x {result.height}: {seconds:.0f} s, {cpu:.0f} s of CPU time, {most / 1e6:.0f} MB at "
        f"most, {(most - idle) / 1e6:.0f} more than before; {len(coded) / 1e6:.0f} MB of JPEG; "
        f"{sharpness(middle) / sharpness(enlarged):.0f} times as sharp as enlarged"
    )


def memory_now() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def tiles(stylizer: Stylizer, style: str) -> str:
    blank = np.clip(255 * sky(np.random.default_rng(0)), 0, 255).astype(np.uint8)
    picture = at_size(blank, SKY_EDGE, SKY_EDGE)
    generator, *rows = stylizer.network({style: 1.0})
    painter = TiledPainter(generator, stylizer.device, *rows)
    whole = OpenVinoGraph(generator, stylizer.device.dtype, stylizer.device.threads).paint(picture, *rows)
    tiled_painter.TILE_EDGE = TILE_EDGE
    padded = SKY_EDGE + 2 * generator.margin
    period = spans(padded, TILE_EDGE, tiled_painter.OVERLAP, generator.multiple)[0].last
    lines = [[style, "one pass", *traces(whole, period), "", ""]]
    for name, measured in (("tiles, measured whole", 10.0), ("tiles, measured in samples", 0.0)):
        tiled_painter.MEASURED_MEGAPIXELS = measured
        painted = painter.paint(Enlargement(picture, SKY_EDGE, SKY_EDGE), lambda share: None)
        difference = np.abs(painted.astype(int) - whole)
        lines.append([style, name, *traces(painted, period), str(difference.max()), f"{difference.mean():.2f}"])
    return table(("style", "painted", f"dB at {period} px", "repeated", "off by at most", "in the mean"), lines)


def traces(picture: Pixels, period: int) -> tuple[str, str]:
    luma = picture @ LUMA
    return f"{peak(excess(luma), period):.1f}", f"{grid(luma, period):.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--styles", nargs="+", default=["great_wave", "starry_night", "woodcut"])
    parser.add_argument("--crop", type=Path, help="file for the middle of the print, at its own size")
    args = parser.parse_args(arguments)
    give_memory_back()
    model = Repository(SHIPPED_MODELS).load("compact")
    device = choose_device("cpu", "auto", usable_cores())
    stylizer = Stylizer(model.generator, model.rows, model.manifest.style_ids, device)
    print(painted_print(stylizer, args.photo, args.styles[0], args.crop))
    for style in args.styles:
        print(f"\n{tiles(stylizer, style)}")


if __name__ == "__main__":
    main()
