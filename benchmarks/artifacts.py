"""What a person would see in a flat sky: grids, shared grain and borders, measured against the paintings themselves.

Three pictures with nothing in them (grey with noise of 2/255, a gradient, a sky) are painted in every style. Reported:

- peaks: how far the spectrum of luminance stands above its surroundings at periods of 2, 4 and 8 pixels, in dB, next to
  the same figure of the style's own painting; a grid of the network's stands out where the painting has none;
- shared grain: the same excess at every frequency, averaged over all styles. Styles have nothing in common but the
  network, so that chance alone leaves it below about 4 dB;
- border: mean brightness of the outer 8 pixels less the inside, in 8-bit steps.

    python benchmarks/artifacts.py --paintings PAINTINGS
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from torch import Tensor

from app.registry.repository import Model, Repository
from app.settings import SHIPPED_MODELS
from app.training.paintings import list_paintings
from app.training.photos import read_picture
from app.training.sheet import paint_sample, to_image

Array = NDArray[np.float64]

EDGE = 512
PERIODS = (2, 4, 8)
BORDER = 8
SURROUNDINGS = 15  # bins of the window whose median a bin is compared with
LUMA = np.array([0.2126, 0.7152, 0.0722])


def flat(rng: np.random.Generator) -> Array:
    return 0.5 + rng.normal(0, 2 / 255, (EDGE, EDGE, 3))


def gradient(rng: np.random.Generator) -> Array:
    ramp = np.linspace(0.2, 0.8, EDGE)
    return np.stack([np.tile(ramp, (EDGE, 1))] * 3, axis=2) + rng.normal(0, 1 / 255, (EDGE, EDGE, 3))


def sky(rng: np.random.Generator) -> Array:
    """A blue that fades to the horizon, with clouds of 1/f^2 noise."""
    fy, fx = np.fft.fftfreq(EDGE)[:, None], np.fft.fftfreq(EDGE)[None, :]
    amplitude = 1 / np.maximum(np.hypot(fx, fy), 1 / EDGE) ** 2
    clouds = np.fft.ifft2(np.fft.fft2(rng.normal(size=(EDGE, EDGE))) * amplitude).real
    clouds = np.clip((clouds - clouds.mean()) / clouds.std() - 0.5, 0, 1)[..., None] * 0.5
    height = np.linspace(0, 1, EDGE)[:, None, None]
    blue = np.array([0.25, 0.5, 0.85]) * (1 - height) + np.array([0.75, 0.85, 0.95]) * height
    return np.asarray(blue * (1 - clouds) + clouds + rng.normal(0, 1 / 255, (EDGE, EDGE, 3)))


def as_tensor(pixels: Array) -> Tensor:
    eight_bit = np.clip(np.round(pixels * 255), 0, 255) / 255
    return torch.from_numpy(eight_bit.transpose(2, 0, 1)).float()[None]


def luminance(picture: Tensor) -> Array:
    return np.asarray(np.asarray(to_image(picture)) @ LUMA)


def excess(luma: Array) -> Array:
    """Power spectrum in dB above the median of each bin's surroundings, (H, W), frequency 0 at [0, 0]."""
    window = np.hanning(luma.shape[0])[:, None] * np.hanning(luma.shape[1])[None, :]
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2
    level = 10 * np.log10(power + 1e-3)
    return np.asarray(level - median_filter(level, SURROUNDINGS, mode="wrap"))


def peak(spectrum: Array, period: int) -> float:
    """The largest excess at a period in pixels: along the rows, the columns or both."""
    steps = [round(edge / period) for edge in spectrum.shape]
    places = [(0, steps[1]), (steps[0], 0), (steps[0], steps[1]), (steps[0], -steps[1])]
    around = [(y + dy, x + dx) for y, x in places for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return float(max(spectrum[y % spectrum.shape[0], x % spectrum.shape[1]] for y, x in around))


def border(luma: Array) -> float:
    inside = luma[BORDER:-BORDER, BORDER:-BORDER]
    outside = (luma.sum() - inside.sum()) / (luma.size - inside.size)
    return float(outside - inside.mean())


def strongest(shared: Array) -> tuple[float, float]:
    """The largest shared excess and its period in pixels, frequencies below 1/64 left out."""
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(edge) for edge in shared.shape), indexing="ij"))
    place = np.unravel_index(np.argmax(np.where(frequency > 1 / 64, shared, -np.inf)), shared.shape)
    return float(shared[place]), float(1 / frequency[place])


@torch.inference_mode()
def measure(model: Model, paintings: Path) -> dict[str, object]:
    rng = np.random.default_rng(0)
    pictures = [as_tensor(make(rng)) for make in (flat, gradient, sky)]
    works = {work.id: work for work in list_paintings(paintings, model.manifest.style_ids)}
    styles: dict[str, dict[str, object]] = {}
    shared = np.zeros((EDGE, EDGE))
    for index, style in enumerate(model.manifest.style_ids):
        lumas = [luminance(paint_sample(model.generator, model.rows, picture, index)) for picture in pictures]
        spectra = [excess(luma) for luma in lumas]
        own = excess(luminance(read_picture(works[style].path, EDGE)))
        shared += sum(spectra)
        styles[style] = {
            "peaks": [max(peak(spectrum, period) for spectrum in spectra) for period in PERIODS],
            "painting": [peak(own, period) for period in PERIODS],
            "border": max((border(luma) for luma in lumas), key=abs),
        }
    level, period = strongest(shared / (len(styles) * len(pictures)))
    return {"styles": styles, "shared_db": level, "shared_period": period}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paintings", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=SHIPPED_MODELS)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    model = Repository(args.models).load(args.model)
    figures = measure(model, args.paintings)
    print(
        f"{model.manifest.label}: excess in dB at periods of 2, 4, 8 px, and of the painting; border in 8-bit steps\n"
    )
    print("| style | 2 px | 4 px | 8 px | border |\n|---|---|---|---|---|")
    for style, row in figures["styles"].items():  # type: ignore[attr-defined]
        pairs = (f"{a:.0f} ({b:.0f})" for a, b in zip(row["peaks"], row["painting"], strict=True))
        print(f"| {style} | {' | '.join(pairs)} | {row['border']:+.1f} |")
    print(f"\nshared grain: {figures['shared_db']:.1f} dB at a period of {figures['shared_period']:.2f} px")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
