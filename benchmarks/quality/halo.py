"""Halos: whether a strong edge makes its light side lighter, or its dark side darker, than they are far from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.blank_pictures import Array

# Distances from the edge in pixels. Next to it, the edge itself and its anti-aliasing are left out.
NEAR = range(3, 28)
FAR = range(48, 112)
SMOOTHED = 5  # distances in a mean: a ring thinner than that is a line, not a halo


@dataclass(frozen=True)
class Profiles:
    """Mean luminance in 8-bit steps by the distance from the edge, on each side, from 0 to the end of FAR."""

    light: Array
    dark: Array

    @property
    def light_halo(self) -> float:
        return overshoot(self.light)

    @property
    def dark_halo(self) -> float:
        return overshoot(-self.dark)

    @property
    def chance(self) -> float:
        """What the same figure is far from the edge, where there is no halo: the larger of the two sides."""
        return max(float(np.max(np.abs(smooth(side, FAR) - plateau(side)))) for side in (self.light, self.dark))


def profiles(luma: Array, distance: Array, inside_is_light: bool) -> Profiles:
    """Of a painting (H, W) of a shape; `distance` from its edge is negative inside."""
    outer, inner = (by_distance(luma, sign * distance) for sign in (1, -1))
    return Profiles(light=inner, dark=outer) if inside_is_light else Profiles(light=outer, dark=inner)


def by_distance(luma: Array, distance: Array) -> Array:
    bins = np.floor(distance).astype(int)
    kept = (bins >= 0) & (bins < FAR.stop)
    totals = np.bincount(bins[kept], luma[kept], FAR.stop)
    return np.asarray(totals / np.maximum(np.bincount(bins[kept], minlength=FAR.stop), 1))


def mean_of(found: Sequence[Profiles]) -> Profiles:
    return Profiles(*(np.mean([getattr(one, side) for one in found], axis=0) for side in ("light", "dark")))


def overshoot(profile: Array) -> float:
    """How far the highest place near the edge is above the plateau far from it; negative where all is below."""
    return float(np.max(smooth(profile, NEAR)) - plateau(profile))


def smooth(profile: Array, distances: range) -> Array:
    return np.convolve(profile[distances.start : distances.stop], np.ones(SMOOTHED) / SMOOTHED, mode="valid")


def plateau(profile: Array) -> float:
    return float(profile[FAR.start : FAR.stop].mean())
