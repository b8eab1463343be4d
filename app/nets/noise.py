"""Noise that depends on the position alone: the same on every device, at every image size and in an exported graph.

It is computed by integer multiplications modulo a prime, which every back end has.
"""

from __future__ import annotations

import torch
from torch import Tensor

# The largest prime below 2^20 that leaves 2 when divided by 3: cubing then permutes its residues.
GRAIN_PRIME = 1_048_571
# Number of different seeds: they are taken modulo this.
NOISES = GRAIN_PRIME


def grain(height: int, width: int, device: torch.device, at: tuple[int, int] = (0, 0)) -> Tensor:
    """Uniform white noise (height, width) in 0..1, the same for every image; a larger one contains the smaller ones.

    Args:
        at: row and column in the larger one.
    """
    return scattered(height, width, device, at).float() / GRAIN_PRIME


def seeded_noise(height: int, width: int, keys: Tensor) -> Tensor:
    """As `grain`, by key: keys (...,) of int64 -> (..., height, width). Equal keys give equal noise."""
    n = scattered(height, width, keys.device)
    spread = keys[..., None, None]
    # The key enters twice, so that two keys do not have the same noise with its values shifted.
    return cubed(cubed(n + spread) + 3 * spread).float() / GRAIN_PRIME


def keys_of(seeds: Tensor, streams: Tensor) -> Tensor:
    """A key per seed and stream: (S,) and (N,) of int64 -> (S, N). Seeds are taken modulo `NOISES`."""
    return cubed(cubed(seeds % GRAIN_PRIME + 40_503)[:, None] + streams * 32_452 + 7)


def scattered(height: int, width: int, device: torch.device, at: tuple[int, int] = (0, 0)) -> Tensor:
    """An integer below the prime for each position: (height, width)."""
    y = at[0] + torch.arange(height, device=device)[:, None]
    x = at[1] + torch.arange(width, device=device)[None, :]
    n = cubed(y * 524_287 + x * 7_919 + 12_345)
    # Twice, with different steps: after one cube, a pattern from row to row is still visible.
    return cubed(n + y * 6_007 + x * 104_729)


def cubed(n: Tensor) -> Tensor:
    n = n % GRAIN_PRIME
    return n * n % GRAIN_PRIME * n % GRAIN_PRIME
