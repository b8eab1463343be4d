"""What a person would see in a flat sky: grids, shared grain, borders, halos and dots, against those of paintings.

Three pictures with nothing in them (grey with noise of 2/255, a gradient, a sky), and a disc and a bar, dark on light
and light on dark, are painted in every style. Reported:

- grids: the standard deviation, in 8-bit steps, of the pattern that repeats every 2, 4 and 8 pixels all over the
  picture, and how far the spectrum of luminance stands above its surroundings there, in dB; each next to the same
  figure of the style's own painting. The first says whether one can see a grid, the second whether there is one;
- shared peaks: the second at every frequency, averaged over all styles. Styles have nothing in common but the network,
  so that chance alone leaves it below about 4 dB;
- shared grain: how far the spectrum, in cells of 1/32 cycle a pixel, stands above that of the style's own painting, in
  dB, averaged over all styles, in periods up to 10 pixels: a hatching or a weave is too broad for a peak;
- border: mean brightness of the outer 8 pixels less the inside, in 8-bit steps, next to the same of a frame 32 pixels
  further inside, where there is no border; and on the flat picture their standard deviation as a multiple of that of
  the inside: strokes that meet their own mirror image close to a mesh;
- halos: how much lighter the light side is beside a strong edge than far from it, and how much darker the dark side, in
  8-bit steps, next to what the same figure is far from the edge by chance; and of the mean over all styles;
- dots: isolated extrema per megapixel, and of the painting.

    python -m benchmarks.quality.artifacts --paintings PAINTINGS
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import median_filter

from app.losses import fine_frequencies, power_spectrum, spectrum_ratio
from app.training.paintings import list_paintings
from app.training.photos import read_picture
from benchmarks.markdown_table import table
from benchmarks.quality.blank_pictures import (
    DARK,
    EDGE,
    LIGHT,
    Array,
    as_tensor,
    distance_to_bar,
    distance_to_disc,
    flat,
    gradient,
    luminance,
    shape,
    sky,
)
from benchmarks.quality.dots import dots
from benchmarks.quality.halo import Profiles, mean_of, profiles
from benchmarks.quality.subject import Subject, add_model_options

PERIODS = (2, 4, 8)
BORDER = 8
INSET = 32
SURROUNDINGS = 15  # bins of the window whose median a bin is compared with
SEED = 0


@dataclass(frozen=True)
class Traces:
    """What was found in one style's pictures: the worst of the blank ones, the mean of the shapes."""

    grids: list[float]
    painting_grids: list[float]
    peaks: list[float]
    painting_peaks: list[float]
    border: float
    inner_border: float
    border_contrast: float
    light_halo: float
    dark_halo: float
    chance_halo: float
    dots: float
    painting_dots: float


def excess(luma: Array) -> Array:
    """Power spectrum in dB above the median of each bin's surroundings, (H, W), frequency 0 at [0, 0]."""
    window = np.hanning(luma.shape[0])[:, None] * np.hanning(luma.shape[1])[None, :]
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2
    level = 10 * np.log10(power + 1e-3)
    # The spectrum of a real picture is symmetric: half of the medians, which are most of the time, are enough.
    half, margin = luma.shape[1] // 2 + 1, SURROUNDINGS // 2
    columns = np.take(level, range(-margin, half + margin), axis=1, mode="wrap")
    above = (columns - median_filter(columns, SURROUNDINGS, mode="wrap"))[:, margin:-margin]
    opposite = np.roll(above[::-1], 1, axis=0)[:, luma.shape[1] - half : 0 : -1]
    return np.hstack([above, opposite])


def peak(spectrum: Array, period: int) -> float:
    """The largest excess at a period in pixels: along the rows, the columns or both."""
    steps = [round(edge / period) for edge in spectrum.shape]
    places = [(0, steps[1]), (steps[0], 0), (steps[0], steps[1]), (steps[0], -steps[1])]
    around = [(y + dy, x + dx) for y, x in places for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return float(max(spectrum[y % spectrum.shape[0], x % spectrum.shape[1]] for y, x in around))


def grid(luma: Array, period: int) -> float:
    """Standard deviation over one tile of what repeats in every tile of period x period pixels."""
    rows, columns = (edge // period for edge in luma.shape)
    tiles = luma[: rows * period, : columns * period].reshape(rows, period, columns, period)
    return float(tiles.mean(axis=(0, 2)).std())


def grain(luma: Array, painting: Array) -> Array:
    """Power spectrum in dB above the painting's, (K, K // 2 + 1); see `app.losses.power_spectrum`."""
    own, its = (power_spectrum(torch.from_numpy(x / 255)[None, None])[0, 0] for x in (luma, painting))
    return np.asarray(10 / np.log(10) * spectrum_ratio(own, its).numpy())


def strongest_grain(shared: Array) -> tuple[float, float, float]:
    """The largest excess of `grain`, and its frequency in cycles a pixel, down and across."""
    size = shared.shape[0]
    place = np.unravel_index(np.argmax(np.where(fine_frequencies(size), shared, -np.inf)), shared.shape)
    return float(shared[place]), float(np.fft.fftfreq(size)[place[0]]), float(np.fft.rfftfreq(size)[place[1]])


def border(luma: Array) -> float:
    outside, inside = outside_and_inside(luma)
    return float(outside.mean() - inside.mean())


def border_contrast(luma: Array) -> float:
    outside, inside = outside_and_inside(luma)
    return float(outside.std() / inside.std())


def outside_and_inside(luma: Array) -> tuple[Array, Array]:
    outer = np.ones(luma.shape, bool)
    outer[BORDER:-BORDER, BORDER:-BORDER] = False
    return luma[outer], luma[~outer]


def strongest(shared: Array) -> tuple[float, float]:
    """The largest shared excess and its period in pixels, frequencies below 1/64 left out."""
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(edge) for edge in shared.shape), indexing="ij"))
    place = np.unravel_index(np.argmax(np.where(frequency > 1 / 64, shared, -np.inf)), shared.shape)
    return float(shared[place]), float(1 / frequency[place])


def shape_profiles(subject: Subject, style: str) -> Profiles:
    """Mean over a disc and a bar, light and dark."""
    rng = np.random.default_rng(SEED)
    found = []
    for distance in (distance_to_disc(), distance_to_bar()):
        for inside in (DARK, LIGHT):
            painted = subject.paint(as_tensor(shape(rng, distance, inside)), {style: 1.0})
            found.append(profiles(luminance(painted), distance, inside == LIGHT))
    return mean_of(found)


def measure(subject: Subject, folder: Path) -> dict[str, object]:
    rng = np.random.default_rng(SEED)
    blanks = [as_tensor(make(rng)) for make in (flat, gradient, sky)]
    works = {work.id: work for work in list_paintings(folder, subject.style_ids)}
    styles: dict[str, Traces] = {}
    edges: list[Profiles] = []
    shared: list[Array] = []
    grains: list[Array] = []
    for style in subject.style_ids:
        lumas = [luminance(subject.paint(blank, {style: 1.0})) for blank in blanks]
        painting = luminance(read_picture(works[style].path, EDGE))
        spectra = [excess(luma) for luma in lumas]
        own = excess(painting)
        shared += spectra
        grains += [grain(luma, painting) for luma in lumas]
        edges.append(shape_profiles(subject, style))
        styles[style] = Traces(
            grids=[max(grid(luma, period) for luma in lumas) for period in PERIODS],
            painting_grids=[grid(painting, period) for period in PERIODS],
            peaks=[max(peak(spectrum, period) for spectrum in spectra) for period in PERIODS],
            painting_peaks=[peak(own, period) for period in PERIODS],
            border=max((border(luma) for luma in lumas), key=abs),
            inner_border=max((border(luma[INSET:-INSET, INSET:-INSET]) for luma in lumas), key=abs),
            border_contrast=border_contrast(lumas[0]),
            light_halo=edges[-1].light_halo,
            dark_halo=edges[-1].dark_halo,
            chance_halo=edges[-1].chance,
            dots=max(dots(luma) for luma in lumas),
            painting_dots=dots(painting),
        )
    level, period = strongest(np.mean(shared, axis=0))
    excess_db, down, across = strongest_grain(np.mean(grains, axis=0))
    both = mean_of(edges)
    return {
        "styles": {style: asdict(traces) for style, traces in styles.items()},
        "shared": {"db": level, "period": period},
        "shared_grain": {"db": excess_db, "down": down, "across": across},
        "shared_halo": {"light": both.light_halo, "dark": both.dark_halo, "chance": both.chance},
    }


def report(found: dict[str, object]) -> str:
    styles: dict[str, dict] = found["styles"]  # type: ignore[assignment]
    headings = (
        "style",
        *(f"{period} px" for period in PERIODS),
        "border: step / contrast",
        "halo: light / dark",
        "dots",
    )
    shared, grained, halo = (found[name] for name in ("shared", "shared_grain", "shared_halo"))
    return (
        f"{table(headings, [cells(style, traces) for style, traces in styles.items()])}\n\n"
        f"{means([*styles.values()])}\n"
        f"shared peaks: {shared['db']:.1f} dB at a period of {shared['period']:.2f} px\n"  # type: ignore[index]
        f"shared grain: {grained['db']:+.1f} dB at {grained['down']:+.2f}, {grained['across']:.2f} cycles a pixel\n"  # type: ignore[index]
        f"shared halo: {halo['light']:+.1f} / {halo['dark']:+.1f}, by chance {halo['chance']:.1f}"  # type: ignore[index]
    )


def cells(style: str, traces: dict) -> list[str]:
    grids = [
        f"{step:.2f} ({its_step:.2f}), {level:.0f} dB ({its_level:.0f})"
        for step, its_step, level, its_level in zip(
            *(traces[name] for name in ("grids", "painting_grids", "peaks", "painting_peaks")), strict=True
        )
    ]
    return [
        style,
        *grids,
        f"{traces['border']:+.1f} ({traces['inner_border']:+.1f}) / {traces['border_contrast']:.2f}",
        f"{traces['light_halo']:+.1f} / {traces['dark_halo']:+.1f} ({traces['chance_halo']:.1f})",
        f"{traces['dots']:.0f} ({traces['painting_dots']:.0f})",
    ]


def means(styles: Sequence[dict]) -> str:
    """A line for the means over the styles; of borders, of their sizes."""
    grids, its_grids, peaks, its_peaks = (
        np.mean([traces[name] for traces in styles], axis=0)
        for name in ("grids", "painting_grids", "peaks", "painting_peaks")
    )
    step, its_step, contrast, found, its_dots = (
        np.mean(np.abs([traces[name] for traces in styles]))
        for name in ("border", "inner_border", "border_contrast", "dots", "painting_dots")
    )
    per_period = ", ".join(
        f"{period} px {grids[k]:.2f} ({its_grids[k]:.2f}) and {peaks[k]:.0f} dB ({its_peaks[k]:.0f})"
        for k, period in enumerate(PERIODS)
    )
    return (
        f"means: {per_period}; border {step:.1f} ({its_step:.1f}), contrast {contrast:.2f}; "
        f"dots {found:.0f} ({its_dots:.0f})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paintings", type=Path, required=True)
    add_model_options(parser)
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args(arguments)
    subject = Subject(args)
    found = measure(subject, args.paintings)
    print(f"{subject.label}: grids, borders and halos in 8-bit steps, dots a megapixel; in brackets the painting's")
    print(f"(grids, dots), the same further inside (borders) or what chance gives (halos)\n\n{report(found)}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
