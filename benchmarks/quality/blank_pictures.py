"""Photos with nothing in them: what is seen in their paintings is the network's. All are (EDGE, EDGE, 3) in 0..1."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.training.sheet import to_image

Array = NDArray[np.float64]

EDGE = 512
LUMA = np.array([0.2126, 0.7152, 0.0722])
DARK, LIGHT = 0.15, 0.85
RADIUS = 128  # of the disc, and half the width of the bar


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


def distance_to_disc() -> Array:
    """Pixels from the edge of a disc in the middle, negative inside: (EDGE, EDGE)."""
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    return np.asarray(np.hypot(x, y) - RADIUS)


def distance_to_bar() -> Array:
    """Pixels from the nearer edge of an upright bar in the middle, negative inside: (EDGE, EDGE)."""
    x = np.abs(np.arange(EDGE) - (EDGE - 1) / 2) - RADIUS
    return np.tile(x, (EDGE, 1))


def shape(rng: np.random.Generator, distance: Array, inside: float) -> Array:
    """A shape of brightness `inside` on the opposite, its edge a pixel wide."""
    outside = DARK + LIGHT - inside
    brightness = inside + (outside - inside) * np.clip(distance + 0.5, 0, 1)
    return np.asarray(brightness[..., None] + rng.normal(0, 1 / 255, (EDGE, EDGE, 3)))


def as_tensor(pixels: Array) -> Tensor:
    """(1, 3, EDGE, EDGE) in 0..1, as an 8-bit file would hold it."""
    eight_bit = np.clip(np.round(pixels * 255), 0, 255) / 255
    return torch.from_numpy(eight_bit.transpose(2, 0, 1)).float()[None]


def luminance(picture: Tensor) -> Array:
    """Of (1, 3, H, W), in 8-bit steps: (H, W)."""
    return np.asarray(np.asarray(to_image(picture)) @ LUMA)
